// How much an SVG draws when every reference in it is followed: a few lines can ask for more than a computer has.

import { imageInvalid } from './contract.ts';

const mostDrawn = 200_000;

interface Part {
  elements: number;
  /** Ids that it names. */
  named: string[];
}

export class References {
  readonly #whole: Part = { elements: 0, named: [] };
  readonly #parts = new Map<string, Part>();
  /** Ids of the elements that are open; undefined for one without. */
  readonly #open: (string | undefined)[] = [];

  open(attributes: Record<string, string>): void {
    const { id } = attributes;
    if (id !== undefined) this.#parts.set(id, this.#parts.get(id) ?? { elements: 0, named: [] });
    this.#open.push(id);
    for (const part of this.#around()) part.elements++;
    for (const [name, value] of Object.entries(attributes)) this.name(name === 'href' ? `url(${value})` : value);
  }

  close(): void {
    this.#open.pop();
  }

  /** What `url(#…)` in a text names. A style names it for all that it may apply to; it counts once. */
  name(text: string): void {
    for (const [, id = ''] of text.matchAll(/url\s*\(\s*['"]?#([^'")\s]+)/gi))
      for (const part of this.#around()) part.named.push(id);
  }

  *#around(): Generator<Part> {
    yield this.#whole;
    for (const id of this.#open) {
      const part = id === undefined ? undefined : this.#parts.get(id);
      if (part !== undefined) yield part;
    }
  }

  /** @throws image_invalid where something is drawn in itself, or too much. */
  check(): void {
    const weights = new Map<string, number>();
    const weigh = (id: string, within: ReadonlySet<string>): number => {
      if (within.has(id)) throw imageInvalid(`#${id.slice(0, 50)} refers to itself.`);
      const part = this.#parts.get(id);
      if (part === undefined) return 0;
      const known = weights.get(id);
      if (known !== undefined) return known;
      const around = new Set([...within, id]);
      const weight = part.named.reduce((sum, each) => sum + weigh(each, around), part.elements);
      weights.set(id, weight);
      return weight;
    };
    const all = this.#whole.named.reduce((sum, id) => sum + weigh(id, new Set()), this.#whole.elements);
    if (all > mostDrawn) throw imageInvalid('It draws too much.');
  }
}
