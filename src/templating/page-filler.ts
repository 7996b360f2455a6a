// Fills a template's page, or its plain text: what comes from data is text, whatever it looks like, and a page that loops or grows is ended.

import { Liquid } from 'liquidjs';
import { drawQrCode, emsOf, formatDay } from './filters.ts';
import type { Phrasebook, Texts } from './texts.ts';

/** What a page is filled with beside its data. */
export interface Filling {
  /** Addresses of the institution's pictures, by name. */
  images?: Record<string, string>;
  /** Words in the place of the template's own. */
  texts?: Texts;
}

export type FillPage = (language: string, data: Record<string, unknown>, filling: Filling) => string;

/** What is written: in plain text nothing is a sign of markup, and nothing is escaped. */
type Form = 'html' | 'text';

const longestMs = 1000;
const mostTries = 20;
/** Letters and items that a page may handle. */
const mostHandled = 2_000_000;
const mostLetters = 2_000_000;

/** Others read files, or write what is not escaped. */
const tags = new Set('if unless case for break continue assign capture comment raw #'.split(' '));

/** The named arguments of a filter. */
const named = (args: unknown[]) => Object.fromEntries(args.filter(Array.isArray)) as Record<string, unknown>;

function createEngine(form: Form): Liquid {
  const engine = new Liquid({
    ...(form === 'html' ? { outputEscape: 'escape' } : {}),
    ownPropertyOnly: true,
    strictFilters: true,
    strictVariables: true,
    lenientIf: true,
    // No files: a page is whole.
    templates: {},
    parseLimit: mostLetters,
    renderLimit: longestMs,
    memoryLimit: mostHandled,
  });
  for (const name of Object.keys(engine.tags)) if (!tags.has(name)) delete engine.tags[name];
  for (const [name, filter] of Object.entries(engine.filters))
    if (typeof filter === 'object' && filter.raw) delete engine.filters[name];
  return engine;
}

const isTooLong = (error: unknown) =>
  error instanceof Error && error.message.includes('template render limit exceeded');

/** The library counts time by the clock: on a machine that does other things meanwhile, a page is not at fault before it has worked for so long. */
function withinTime(fill: () => string, triesLeft = mostTries): string {
  const before = process.threadCpuUsage();
  try {
    return fill();
  } catch (error) {
    const { user, system } = process.threadCpuUsage(before);
    const workedMs = (user + system) / 1000;
    if (!isTooLong(error) || workedMs > longestMs / 2 || triesLeft <= 1) throw error;
    return withinTime(fill, triesLeft - 1);
  }
}

/** @throws when the page can't be read. */
export function compilePage(source: string, phrasebook: Phrasebook, form: Form = 'html'): FillPage {
  const engine = createEngine(form);
  // Of the page that is being filled: that is done in one go.
  let speaking = 'en';
  let others: Texts = {};
  engine.registerFilter('t', (key: string, ...args: unknown[]) =>
    phrasebook.say(speaking, key, { values: named(args), others }),
  );
  engine.registerFilter('date', (iso: unknown, style = 'long') => formatDay(speaking, String(iso), style));
  engine.registerFilter('number', (value: number) => new Intl.NumberFormat(speaking).format(value));
  engine.registerFilter('ems', (text: unknown) => emsOf(String(text)));
  engine.registerFilter('qr', (text: unknown) => drawQrCode(String(text)));
  const page = engine.parse(source);
  return (language, data, { images = {}, texts = {} }) => {
    speaking = language;
    others = texts;
    const { direction } = new Intl.Locale(language).getTextInfo();
    const html = withinTime(
      () => engine.renderSync(page, { ...data, page: { language, direction, images } }) as string,
    );
    if (html.length > mostLetters) throw new Error(`the page has ${html.length} letters, more than ${mostLetters}`);
    return html;
  };
}
