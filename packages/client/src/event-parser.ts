// Reads the text of server-sent events as it comes, in pieces of any size.

export interface ServerEvent {
  id: string;
  data: string;
}

export class EventParser {
  #rest = '';
  #id = '';
  #data: string[] = [];

  /** Events that are complete with this piece of text. */
  push(piece: string): ServerEvent[] {
    const text = this.#rest + piece;
    // A return at the end may be half of an end of line.
    const lines = text.replace(/\r$/, '').split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? '') + (text.endsWith('\r') ? '\r' : '');
    return lines.flatMap((line) => this.#read(line));
  }

  #read(line: string): ServerEvent[] {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'data') this.#data.push(value);
    return [];
  }

  #dispatch(): ServerEvent[] {
    const data = this.#data;
    this.#data = [];
    return data.length === 0 ? [] : [{ id: this.#id, data: data.join('\n') }];
  }
}
