// Reads server-sent events as they come, as a client that is not ours would.

export interface ReceivedEvent<Data> {
  id: string;
  data: Data;
}

/** Events of an answer, until it ends. */
export async function* eventsOf<Data>(response: Response): AsyncGenerator<ReceivedEvent<Data>> {
  let text = '';
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, id] = /^id: (.*)$/m.exec(block) ?? [];
      const [, data] = /^data: (.*)$/m.exec(block) ?? [];
      if (id !== undefined && data !== undefined) yield { id, data: JSON.parse(data) };
    }
  }
}

export async function allEvents<Data>(response: Response): Promise<ReceivedEvent<Data>[]> {
  const all: ReceivedEvent<Data>[] = [];
  for await (const event of eventsOf<Data>(response)) all.push(event);
  return all;
}
