// Takes the links out of a PDF that do more than lead to a page, a mail or a call: a document that a school stands for runs and opens nothing.

/** What a link may begin with; of all else (`javascript:`, `file:`, `data:`, other programs) nobody knows what it does where the document is opened. */
const harmless = /^(https?|mailto|tel|sms):/i;

/** The action of a link as the browser writes it, up to its address. */
const actionBefore = /\/A ?<<\s*\/Type ?\/Action\s*\/S ?\/URI\s*$/;
const longestBefore = 64;
const key = '/URI';

interface PdfString {
  value: string;
  /** Position behind it. */
  end: number;
}

/** A string that begins at `at`; undefined where there is none. */
function readString(bytes: Buffer, at: number): PdfString | undefined {
  if (bytes[at] === 0x28) return readLiteral(bytes, at);
  const end = bytes[at] === 0x3c ? bytes.indexOf('>', at) : -1;
  if (end === -1) return undefined;
  const digits = bytes.subarray(at + 1, end).toString('latin1');
  return { value: Buffer.from(digits, 'hex').toString('latin1'), end: end + 1 };
}

/** `(…)`, in which brackets are escaped or come in pairs. */
function readLiteral(bytes: Buffer, at: number): PdfString | undefined {
  let value = '';
  let depth = 0;
  for (let i = at; i < bytes.length; i++) {
    const character = String.fromCharCode(bytes[i] ?? 0);
    if (character === '(') depth++;
    if (character === ')' && --depth === 0) return { value: value.slice(1), end: i + 1 };
    value += character === '\\' ? String.fromCharCode(bytes[++i] ?? 0) : character;
  }
  return undefined;
}

/**
 * Writes spaces over the action of every link that is not harmless; nothing else moves. What is left of it is a link that leads nowhere.
 * @returns whether every address in the file could be read.
 */
export function disarmLinks(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(key); at !== -1; at = bytes.indexOf(key, at + 1)) {
    const before = bytes.subarray(Math.max(0, at - longestBefore), at).toString('latin1');
    const from = actionBefore.exec(before);
    if (from === null) continue;
    const blanks =
      /^\s*/.exec(bytes.subarray(at + key.length, at + key.length + 8).toString('latin1'))?.[0].length ?? 0;
    const address = readString(bytes, at + key.length + blanks);
    if (address === undefined) return false;
    const end = /^\s*>>/.exec(bytes.subarray(address.end, address.end + 8).toString('latin1'))?.[0].length;
    if (end === undefined) return false;
    if (!harmless.test(address.value)) bytes.fill(' ', at - from[0].length, address.end + end);
  }
  return true;
}
