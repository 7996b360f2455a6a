// The kinds of environment variables: how a text is read, and the rule that it must keep.

export interface Variable<T> {
  /** The value, or undefined when the text breaks the rule. */
  parse(text: string): T | undefined;
  fallback: T;
  rule: string;
  example: string;
  meaning: string;
  isSecret?: boolean;
}

export type About = Pick<Variable<unknown>, 'example' | 'meaning'>;

export function text<T extends string | undefined>(fallback: T, about: About): Variable<string | T> {
  return { parse: (value) => value, fallback, rule: 'a text', ...about };
}

export function secret(about: About): Variable<string | undefined> {
  return { parse: (value) => value, fallback: undefined, rule: 'a secret text', isSecret: true, ...about };
}

export function integer(fallback: number, [least, most]: [number, number], meaning: string): Variable<number> {
  const parse = (value: string) => {
    const number = Number(value);
    return /^\d+$/.test(value) && number >= least && number <= most ? number : undefined;
  };
  return { parse, fallback, rule: `a whole number from ${least} to ${most}`, example: String(fallback), meaning };
}

export function flag(fallback: boolean, meaning: string): Variable<boolean> {
  const parse = (value: string) => (value === 'true' ? true : value === 'false' ? false : undefined);
  return { parse, fallback, rule: 'true or false', example: String(!fallback), meaning };
}

export function oneOf<T extends string>(values: readonly [T, ...T[]], meaning: string): Variable<T> {
  const parse = (value: string) => values.find((each) => each === value);
  return { parse, fallback: values[0], rule: `one of ${values.join(', ')}`, example: values[0], meaning };
}

export function url(about: About): Variable<string | undefined> {
  const parse = (value: string) => (/^https?:\/\/[^\s@]+$/.test(value) && URL.canParse(value) ? value : undefined);
  return { parse, fallback: undefined, rule: 'an http or https URL', ...about };
}

/** A list whose items stand apart by spaces or commas. */
export function list<T>(parseItem: (item: string) => T | undefined, about: About & { rule: string }): Variable<T[]> {
  const parse = (value: string) => {
    const items = value
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(parseItem);
    return items.includes(undefined) ? undefined : (items as T[]);
  };
  return { parse, fallback: [], ...about };
}

export function decimal(fallback: number, [least, most]: [number, number], meaning: string): Variable<number> {
  const parse = (value: string) => {
    const number = Number(value);
    return /^\d+(\.\d+)?$/.test(value) && number >= least && number <= most ? number : undefined;
  };
  return { parse, fallback, rule: `a number from ${least} to ${most}`, example: String(fallback), meaning };
}
