// Takes secrets out of text that leaves the process: log lines, problems, diagnostic files.

const mark = '[redacted]';
/** Characters that are read; of more, what follows is dropped. */
const longest = 1_000_000;
/** In a text with neither, nothing is a signed token. */
const tokenStart = 'eyJ';
/** A header of a token has more. */
const shortestHeader = 7;
/** Shorter values are words, and stay. */
const shortestSecret = 6;

// Each of these takes what it has looked at, or is bounded: a stranger writes the text, and no text may take more time than its length.
const tokenCharacters = /[\w.-]+/g;
const bearer = /\b(bearer(?:\s{1,20}|%20))([\w.~+/=-]+)/gi;
const addressValues = /([?#])[\w.~%[\]-]{1,100}=[^\s"'<>)\\]*/g;
const secretFieldName = /(token|authorization|x-service-auth|cookie|secret|password|api-?key)$/i;

/** `characters` without what begins like a signed token in them: `eyJ…`, a dot, and more. */
function redactTokens(characters: string): string {
  let start = characters.indexOf(tokenStart);
  while (start !== -1) {
    const dot = characters.indexOf('.', start);
    if (dot === -1) return characters;
    const isToken = dot - start >= shortestHeader && /[\w-]/.test(characters.charAt(dot + 1));
    if (isToken) return characters.slice(0, start) + mark + (characters.endsWith('.') ? '.' : '');
    start = characters.indexOf(tokenStart, dot);
  }
  return characters;
}

/** "Bearer of bad news" is no secret, and neither is "bearer token." */
const isWord = (text: string) => /^[A-Za-z]{1,15}[.=-]?$/.test(text);

/** Without the last word, of which a part may be missing. */
function cut(text: string): string {
  if (text.length <= longest) return text;
  const kept = text.slice(0, longest);
  return kept.slice(0, Math.max(kept.lastIndexOf(' '), kept.lastIndexOf('\n'), 0));
}

/**
 * `text` without anything that looks like a token, without the values in addresses (`?code=…`, `#access_token=…`), and without the given values
 * (shorter than 6 characters are kept). Takes time in proportion to the text's length, and drops what is beyond a million characters.
 */
export function redactText(text: string, values: Iterable<string> = []): string {
  let clean = cut(text)
    .replace(tokenCharacters, redactTokens)
    .replace(bearer, (all, word, secret) => (isWord(secret) ? all : word + mark))
    .replace(addressValues, `$1${mark}`);
  for (const value of values) {
    if (value.length >= shortestSecret) clean = clean.replaceAll(value, mark);
  }
  return clean;
}

/** A replacer for `JSON.stringify` that hides fields whose name says that they are secret. */
export function redactFields(name: string, value: unknown): unknown {
  return typeof value === 'string' && secretFieldName.test(name) ? mark : value;
}
