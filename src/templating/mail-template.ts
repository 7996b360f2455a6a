// One template of mails as a designer left it in its folder: a page, the same as plain text, and a subject, in its languages.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FilledMail } from './contract.ts';
import { compileSchema, type DataCheck } from './data-schema.ts';
import { compilePage } from './page-filler.ts';
import { checkNamed, fillEveryWay, readJson, readTexts } from './template.ts';
import { Phrasebook } from './texts.ts';

export interface MailTemplate {
  id: string;
  check: DataCheck;
  /** @param language the one that is asked for; where there is none of it, English or the first there is. */
  fill(language: string, data: Record<string, unknown>): FilledMail;
}

/** On one line: no value can pretend to be a line of its own. */
const flatten = (data: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(data).map(([name, value]) => [
      name,
      typeof value === 'string' ? value.toWellFormed().replaceAll(/\s+/g, ' ').trim() : value,
    ]),
  );

/** Of `ta-IN` the language alone may be there. */
function closest(asked: string, languages: readonly string[]): string {
  const wanted = [asked, asked.split('-')[0], 'en'];
  return wanted.find((each) => each !== undefined && languages.includes(each)) ?? languages[0] ?? 'en';
}

/** @throws {Error} that says what is wrong with it: nothing that its sample shows is left for the first mail. */
export async function readMailTemplate(id: string, folder: string): Promise<MailTemplate> {
  const [page, plain, schema, sample, texts] = await Promise.all([
    readFile(join(folder, 'page.html'), 'utf8'),
    readFile(join(folder, 'page.txt'), 'utf8'),
    readJson<object>(folder, 'schema.json'),
    readJson<Record<string, unknown>>(folder, 'sample.json'),
    readTexts(folder),
  ]);
  if (schema === undefined || sample === undefined) throw new Error('schema.json or sample.json is not there');
  const check = compileSchema(schema);
  check(sample);
  const phrasebook = new Phrasebook(texts, new Map());
  const [fillPage, fillText] = [compilePage(page, phrasebook), compilePage(plain, phrasebook, 'text')];
  const languages = [...texts.keys()];
  const fill = (asked: string, given: Record<string, unknown>): FilledMail => {
    const language = closest(asked, languages);
    const data = flatten(given);
    return {
      language,
      subject: phrasebook.say(language, 'subject', { values: data, others: {} }),
      html: fillPage(language, data, {}),
      text: fillText(language, data, {}),
    };
  };
  for (const language of languages) {
    fillEveryWay(language, { fill: (each, data) => fill(each, data).html, check, schema, sample });
    // A mail is whole: its reader has none of our files.
    checkNamed(fill(language, sample).html, new Map());
  }
  return { id, check, fill };
}
