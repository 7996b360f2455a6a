// One way to read an origin, for settings, bodies and claims alike.

/**
 * The origin that `text` is: scheme, host and port as `new URL(x).origin` writes them, with at most a final slash. Undefined for anything
 * more or other, however much it looks like one: user names, paths, odd spellings, other schemes, wildcards.
 */
export function readOrigin(text: string): string | undefined {
  const origin = URL.canParse(text) ? new URL(text).origin : undefined;
  const isPlain = origin !== undefined && /^https?:\/\/[^*]+$/.test(origin);
  return isPlain && (text === origin || text === `${origin}/`) ? origin : undefined;
}
