// Takes secrets out of text that leaves the process: log lines, problems, diagnostic files.

const jsonWebToken = /\beyJ[\w-]{4,}\.[\w-]+\.[\w-]*/g;
const bearer = /\b(bearer)(\s+|%20)[\w.~+/=-]+/gi;
const secretFieldName = /(token|authorization|x-service-auth|cookie|secret|password|api-?key)$/i;
const mark = '[redacted]';

/** `text` without anything that looks like a token, and without the given values (shorter than 6 characters are kept). */
export function redactText(text: string, values: Iterable<string> = []): string {
  let clean = text.replace(jsonWebToken, mark).replace(bearer, `$1 ${mark}`);
  for (const value of values) {
    if (value.length >= 6) clean = clean.replaceAll(value, mark);
  }
  return clean;
}

/** A replacer for `JSON.stringify` that hides fields whose name says that they are secret. */
export function redactFields(name: string, value: unknown): unknown {
  return typeof value === 'string' && secretFieldName.test(name) ? mark : value;
}
