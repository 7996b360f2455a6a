// Patterns of paths, as settings have them: a star stands for any text, slashes among it.

/** The pattern, or undefined when the text can't be one: it begins with a slash or a star, and has neither a query nor white space. */
export function readPathPattern(text: string): string | undefined {
  return /^[/*][^\s?]*$/.test(text) ? text : undefined;
}

/** Whether the whole path fits. Takes time in proportion to the path, whatever the pattern: paths are a page's own text. */
export function matchesPattern(path: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return path === pattern;
  if (!path.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = path.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return path.length - last.length >= at && path.endsWith(last);
}
