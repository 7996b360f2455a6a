// Takes secrets out of text that leaves the process: log lines, problems, diagnostic files.

const mark = '[redacted]';
/** Characters that are read; of more, what follows is dropped. */
const longest = 1_000_000;
/** In a text with neither, nothing is a signed token. */
const tokenStart = 'eyJ';
/** `{"alg":"none"}`, the shortest header of a token, has 19. */
const shortestHeader = 16;
/** Shorter values are words, and stay. */
const shortestSecret = 6;

// Each of these takes what it has looked at, or is bounded: a stranger writes the text, and no text may take more time than its length.
const tokenCharacters = /[\w.-]+/g;
const bearer = /\b(bearer(?:\s{1,20}|%20))([\w.~+/=-]+)/gi;
const unbroken = /[^\s"'<>)\\]+/g;
const values = /[?#][\w.~%[\]-]{1,100}=.*$/s;
/** Names whose values tell nobody anything, and names whose values open something wherever they stand. */
const harmlessValues = /^[?#](?:(?:studentId|teacherId|educatorId|classId|testId)=[\w.@+%-]{0,100}(?:&|$))+$/;
const secretValues = /[?#&](?:\w{0,50}[_-])?(?:code|token|key|secret|password|session|sig|signature|jwt)=/i;
const secretFieldName = /(token|authorization|x-service-auth|cookie|secret|password|api-?key)$/i;

/** Whether it is the beginning of a JSON object, in base64: words that happen to hold `eyJ` are not. */
function isHeader(start: string): boolean {
  return /^\{"[\x20-\x7e]*$/.test(Buffer.from(start.slice(0, shortestHeader), 'base64url').toString('latin1'));
}

/** `characters` without what begins like a signed token in them: `eyJ…`, a dot, and more. */
function redactTokens(characters: string): string {
  let dot = -1;
  for (let start = -1; ; ) {
    start = characters.indexOf(tokenStart, start + 1);
    if (start === -1) return characters;
    if (dot < start) dot = characters.indexOf('.', start);
    if (dot === -1) return characters;
    const isLong = dot - start >= shortestHeader && /[\w-]/.test(characters.charAt(dot + 1));
    const isToken = isLong && isHeader(characters.slice(start, start + shortestHeader));
    if (isToken) return characters.slice(0, start) + mark + (characters.endsWith('.') ? '.' : '');
  }
}

/** "Bearer of bad news" is no secret, and neither is "bearer authentication." Secrets of some length mix cases, or hold digits. */
const isWord = (text: string) => /^(?:[A-Za-z]{1,15}|[A-Z]?[a-z]{1,30})[.=-]?$/.test(text);

/** An address without its values; code and prose in which a question is followed by an assignment (`n?e=t`) stay. */
function redactAddress(text: string): string {
  const at = text.search(values);
  if (at === -1) return text;
  const [before, said] = [text.slice(0, at), text.slice(at)];
  const isAddress = at === 0 || before.includes('/') || secretValues.test(said);
  return isAddress && !harmlessValues.test(said) ? `${before}${said.charAt(0)}${mark}` : text;
}

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
    .replace(unbroken, redactAddress);
  for (const value of values) {
    if (value.length >= shortestSecret) clean = clean.replaceAll(value, mark);
  }
  return clean;
}

/** A replacer for `JSON.stringify` that hides fields whose name says that they are secret. */
export function redactFields(name: string, value: unknown): unknown {
  return typeof value === 'string' && secretFieldName.test(name) ? mark : value;
}
