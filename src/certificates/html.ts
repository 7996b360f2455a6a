// HTML that is made from values, each of which is escaped.

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeText = (text: string) => text.toWellFormed().replace(/[&<>"']/g, (sign) => entities[sign] ?? '');

/** Text that was made by `html`. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Part = string | Html | readonly Html[] | undefined;

function textOf(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'string') return escapeText(part);
  return part instanceof Html ? part.text : part.map(({ text }) => text).join('');
}

/** What is put into it is escaped, unless it was made so itself. */
export const html = (texts: TemplateStringsArray, ...parts: Part[]) =>
  new Html(String.raw({ raw: texts }, ...parts.map(textOf)));
