// The colours of a template that whoever uses it may change: each stands under a name, and wherever its value is in the template's own style sheets and pictures.

import type { GivenFile } from '../rendering/contract.ts';

/** `#rrggbb`, small letters, by name. */
export type Colours = Readonly<Record<string, string>>;
type Files = ReadonlyMap<string, GivenFile>;

const written = new Set(['text/css', 'image/svg+xml']);
const form = /^#[0-9a-f]{6}$/;
/** Sets of files that are kept: who issues has few, and each may be as many as there are templates. */
const mostKept = 20;

const textOf = ({ bytes }: GivenFile) => Buffer.from(bytes).toString();

/** @throws {Error} that says what is wrong with them: one that stands nowhere would be changed in vain, and of two that are the same one would take the other along. */
export function checkColours(colours: Colours, own: Files): void {
  const texts = [...own.values()].filter(({ type }) => written.has(type)).map((file) => textOf(file).toLowerCase());
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(colours)) {
    if (!form.test(value)) throw new Error(`colours.json: ${name} must be written as #1d2f4f`);
    if (!texts.some((text) => text.includes(value))) throw new Error(`colours.json: ${name} (${value}) stands nowhere`);
    if (seen.has(value)) throw new Error(`colours.json: ${name} has the value of another`);
    seen.add(value);
  }
}

/** Gives the files of a template in other colours; the same colours give the same map, by which tabs are kept. */
export class Repainting {
  readonly #all: Files;
  readonly #own: Files;
  readonly #colours: Colours;
  readonly #painted = new Map<string, Files>();

  /** @param own those of `all` that are the template's. */
  constructor(all: Files, own: Files, colours: Colours) {
    this.#all = all;
    this.#own = own;
    this.#colours = colours;
  }

  /** @param wanted by name; names that the template does not have are passed over. */
  paint(wanted: Colours): Files {
    const changed = Object.entries(this.#colours)
      .map(([name, value]) => [value, wanted[name]?.toLowerCase() ?? value] as const)
      .filter(([value, other]) => value !== other);
    if (changed.length === 0) return this.#all;
    const name = JSON.stringify(changed);
    const painted = this.#painted.get(name) ?? this.#repaint(new Map(changed));
    this.#painted.delete(name);
    this.#painted.set(name, painted);
    const [oldest] = this.#painted.keys();
    if (this.#painted.size > mostKept && oldest !== undefined) this.#painted.delete(oldest);
    return painted;
  }

  /** In one go: a colour may be given the value that another had. */
  #repaint(changed: ReadonlyMap<string, string>): Files {
    const values = new RegExp([...changed.keys()].join('|'), 'gi');
    const inOthers = (file: GivenFile): GivenFile => {
      const text = textOf(file).replace(values, (value) => changed.get(value.toLowerCase()) ?? value);
      return { ...file, bytes: Buffer.from(text) };
    };
    const own = [...this.#own].filter(([, { type }]) => written.has(type));
    return new Map([...this.#all, ...own.map(([path, file]) => [path, inOthers(file)] as const)]);
  }
}
