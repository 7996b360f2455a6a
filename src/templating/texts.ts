// A template's words in its languages: what a key says in one of them, with values and plural forms.

import { createInstance, type i18n } from 'i18next';

export type Texts = Record<string, string>;

/** Endings that i18next gives to plural forms; which of them a language has is the language's own. */
const pluralEnding = /_(zero|one|two|few|many|other)$/;
const keysOf = (texts: Texts) => new Set(Object.keys(texts).map((key) => key.replace(pluralEnding, '')));

/** Throws where a language lacks what another has. */
function checkKeys(byLanguage: ReadonlyMap<string, Texts>): void {
  const all = new Set([...byLanguage.values()].flatMap((texts) => [...keysOf(texts)]));
  for (const [language, texts] of byLanguage) {
    const missing = [...all].filter((key) => !keysOf(texts).has(key));
    if (missing.length > 0) throw new Error(`texts/${language}.json lacks ${missing.join(', ')}`);
  }
}

export class Phrasebook {
  readonly #i18n: i18n;

  /** @param shared what a template may leave to all of them. */
  constructor(byLanguage: ReadonlyMap<string, Texts>, shared: ReadonlyMap<string, Texts>) {
    checkKeys(byLanguage);
    this.#i18n = createInstance();
    const resources = [...byLanguage].map(([language, own]) => [language, { own, shared: shared.get(language) ?? {} }]);
    void this.#i18n.init({
      resources: Object.fromEntries(resources),
      defaultNS: 'own',
      fallbackNS: 'shared',
      fallbackLng: false,
      load: 'currentOnly',
      keySeparator: false,
      nsSeparator: false,
      // Texts are escaped where they are put onto the page, once.
      interpolation: { escapeValue: false },
      initAsync: false,
    });
  }

  /**
   * @param others in the place of its own, by key.
   * @throws when the language has no such text.
   */
  say(language: string, key: string, { values, others }: { values: Record<string, unknown>; others: Texts }): string {
    const options = { ...values, lng: language, nest: false };
    const other = Object.hasOwn(others, key) ? others[key] : undefined;
    if (other !== undefined) return this.#i18n.services.interpolator.interpolate(other, values, language, {});
    if (!this.#i18n.exists(key, options)) throw new Error(`texts/${language}.json has no "${key}"`);
    return String(this.#i18n.t(key, options));
  }
}
