// Each origin's settings of the page's contract: those for all, with what ORIGIN_SETTINGS says of it.

import { readFileSync } from 'node:fs';
import { type PageVariableName, pageVariables } from './page-variables.ts';
import type { Values } from './variables.ts';

export type PageValues = Pick<Values, PageVariableName>;

/** Says what is wrong with one origin's settings: a rule that follows on "ORIGIN_SETTINGS". */
type OnWrong = (rule: string) => void;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readJson(given: string): unknown {
  try {
    return JSON.parse(given.startsWith('{') ? given : readFileSync(given, 'utf8'));
  } catch {
    return undefined;
  }
}

/** A value as the environment would have it: a list is its items with spaces between them. */
const asText = (value: unknown): string | undefined => {
  if (Array.isArray(value)) return value.join(' ');
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value).trim() : undefined;
};

function readOne(name: string, value: unknown, onWrong: OnWrong): unknown {
  const variable = Object.hasOwn(pageVariables, name) ? pageVariables[name as PageVariableName] : undefined;
  if (variable === undefined) {
    onWrong(`must not name ${name}, which is no setting of a page`);
    return undefined;
  }
  const text = asText(value);
  const read = text === undefined || text === '' ? undefined : variable.parse(text);
  if (read === undefined) onWrong(`must have as ${name} ${variable.rule}`);
  return read;
}

/** What `given` says of each origin, as values of the variables that it names. */
export function readOriginSettings(
  given: string | undefined,
  origins: readonly string[],
  onWrong: OnWrong,
): ReadonlyMap<string, Partial<PageValues>> {
  const all = given === undefined ? {} : readJson(given);
  if (!isRecord(all)) {
    onWrong('must be a JSON object by origin, or the path of a file with one');
    return new Map();
  }
  const entries = Object.entries(all).map(([origin, settings]) => {
    if (!origins.includes(origin)) onWrong(`must name only origins of FRONTEND_ORIGINS, not ${origin}`);
    if (!isRecord(settings)) onWrong(`must have an object of settings for ${origin}`);
    const read = Object.entries(isRecord(settings) ? settings : {}).map(([name, value]) => [
      name,
      readOne(name, value, (rule) => onWrong(`${rule} (${origin})`)),
    ]);
    return [origin, Object.fromEntries(read)] as const;
  });
  return new Map(entries);
}

/** `de-DE` of `de_DE.UTF-8`; English where the process has no language. */
export function languageOf(lang: string | undefined): string {
  const [, language, region] = /^([a-z]{2,3})(?:_([A-Z]{2}|\d{3}))?(?:[.@]|$)/.exec(lang ?? '') ?? [];
  if (language === undefined) return 'en-US';
  return region === undefined ? language : `${language}-${region}`;
}

/** The time zone of the process; UTC where TZ names none that is known. */
export function processTimeZone(): string {
  const { timeZone } = new Intl.DateTimeFormat('en').resolvedOptions();
  return timeZone === undefined || timeZone === 'Etc/Unknown' ? 'UTC' : timeZone;
}
