// Fills templates and prints them: what a designer left in a folder, in one of its languages, with somebody's data.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorCode, fail, ServiceError } from '../errors.ts';
import { createLog } from '../log.ts';
import { shownGlyphsOf } from '../pdf/pdf.ts';
import type { PrintedDocument } from '../rendering/contract.ts';
import type { Rendering } from '../rendering/rendering.ts';
import { StartError } from '../start-error.ts';
import {
  type FilledMail,
  glyphMissing,
  type PageRequest,
  type PrintRequest,
  type TemplateSummary,
} from './contract.ts';
import { type MailTemplate, readMailTemplate } from './mail-template.ts';
import { imagePath, readShared, readTemplate, type SharedParts, type Template } from './template.ts';

const log = createLog('templating');

export interface Templating {
  /** All of them, broken ones too. */
  list(): TemplateSummary[];
  /** @throws {ServiceError} unknown_template, unknown_language, name_required, invalid_request, template_failed. */
  check(templateId: string, language: string, data: unknown): void;
  /** Letters that would be empty boxes. Prints to find out, where the fonts of the template are not known to have all. @throws as `print`. */
  missingLetters(request: PrintRequest): Promise<string[]>;
  /**
   * Fills and prints; the same input gives the same page.
   * @throws {ServiceError} glyph_missing; as `check` and `Rendering.printDocument`.
   */
  print(request: PrintRequest): Promise<{ bytes: Buffer; pages: number }>;
  /**
   * Prints a page that is no template of ours: it has the fonts of all, and its own files.
   * @throws {ServiceError} glyph_missing; template_failed when it asks for what it does not have; as `Rendering.printDocument`.
   */
  printPage(page: PageRequest): Promise<{ bytes: Buffer; pages: number }>;
  /** Fills a template of mails, which are none of those that are listed. @throws {ServiceError} unknown_template, invalid_request, template_failed. */
  fillMail(templateId: string, language: string, data: Record<string, unknown>): FilledMail;
}

interface Dependencies {
  rendering: Pick<Rendering, 'printDocument'>;
  /** Has templates beside the built-in ones; one of the same name takes the place of a built-in one. */
  templatesDir?: string | undefined;
}

const builtIn = join(import.meta.dirname, '../../templates');

/** One that can't be used, and why. */
interface Broken {
  id: string;
  problem: string;
}

async function readSound<T>(id: string, read: () => Promise<T>): Promise<T | Broken> {
  try {
    return await read();
  } catch (error) {
    const problem = (error as Error).message;
    log.error('A template is broken and can not be used', { code: 'template_failed', template: id, problem });
    return { id, problem };
  }
}

/** Lie beside the templates, and are none. */
const sharedFolder = 'shared';
const mailsFolder = 'mails';

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

async function readFolder(folder: string, shared: SharedParts): Promise<(Template | Broken)[]> {
  const ids = (await foldersIn(folder)).filter((name) => name !== sharedFolder && name !== mailsFolder);
  return Promise.all(ids.map((id) => readSound(id, () => readTemplate(id, join(folder, id), shared))));
}

async function readMails(folder: string): Promise<(MailTemplate | Broken)[]> {
  const ids = await foldersIn(folder).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
    return [];
  });
  return Promise.all(ids.map((id) => readSound(id, () => readMailTemplate(id, join(folder, id)))));
}

/** What the browser says of a page that is only the template's doing. */
const faultsOfPage: readonly ErrorCode[] = ['page_failed', 'document_too_large'];

function explain(error: unknown): unknown {
  if (!(error instanceof ServiceError) || !faultsOfPage.includes(error.code)) return error;
  return fail('template_failed', error.details, { cause: error });
}

interface FoundTemplates {
  templates: (Template | Broken)[];
  mails: (MailTemplate | Broken)[];
}

class FilledTemplates implements Templating {
  readonly #rendering: Dependencies['rendering'];
  readonly #templates: ReadonlyMap<string, Template | Broken>;
  readonly #fonts: SharedParts['fonts'];
  readonly #mails: ReadonlyMap<string, MailTemplate | Broken>;

  constructor(
    rendering: Dependencies['rendering'],
    { fonts, templates, mails }: { fonts: SharedParts['fonts'] } & FoundTemplates,
  ) {
    this.#rendering = rendering;
    this.#fonts = fonts;
    this.#templates = new Map(templates.map((template) => [template.id, template]));
    this.#mails = new Map(mails.map((mail) => [mail.id, mail]));
  }

  list(): TemplateSummary[] {
    return [...this.#templates.values()].map((template) => {
      if ('problem' in template) return { languages: [], schema: {}, sample: {}, colours: {}, texts: {}, ...template };
      const { id, languages, schema, sample, colours, textsOf } = template;
      const texts = textsOf(languages.includes('en') ? 'en' : (languages[0] ?? 'en'));
      return { id, languages, schema, sample, colours, texts };
    });
  }

  check(templateId: string, language: string, data: unknown): void {
    this.#find(templateId, language).check(data);
  }

  async missingLetters(request: PrintRequest): Promise<string[]> {
    const { coverage, check } = this.#find(request.templateId, request.language);
    check(request.data);
    if (coverage.doubtful(textOf(request.data)).length === 0) return [];
    const { missing, isWhole } = await this.#print(request);
    if (!isWhole && missing.length === 0) throw glyphMissing([], {});
    return missing;
  }

  async print(request: PrintRequest) {
    const { bytes, pages, missing, isWhole } = await this.#print(request);
    if (!isWhole) throw glyphMissing(missing, request.data);
    return { bytes, pages };
  }

  async printPage({ html, files, signal }: PageRequest) {
    const printed = await this.#rendering
      .printDocument({ html, files: this.#fonts, ownFiles: files }, { priority: 'background', signal })
      .catch((error) => {
        throw explain(error);
      });
    checkRefused('page', printed);
    if (shownGlyphsOf(printed.bytes).missing > 0) throw glyphMissing([], {});
    return { bytes: printed.bytes, pages: printed.pages };
  }

  fillMail(templateId: string, language: string, data: Record<string, unknown>): FilledMail {
    const mail = this.#mails.get(templateId);
    if (mail === undefined) throw fail('unknown_template', { detail: 'There is no such template of mails.' });
    requireSound(mail);
    mail.check(data);
    return fillPage(mail, language, () => mail.fill(language, data));
  }

  async #print({ templateId, language, data, signal, priority, ...changes }: PrintRequest) {
    const { images = {}, colours = {}, texts = {} } = changes;
    const template = this.#find(templateId, language);
    template.check(data);
    const ownFiles = new Map(Object.entries(images).map(([name, image]) => [imagePath(name), image]));
    const paths = Object.fromEntries(Object.keys(images).map((name) => [name, imagePath(name)]));
    const html = fillPage(template, language, () => template.fill(language, data, { images: paths, texts }));
    const printed = await this.#rendering
      .printDocument(
        { html, files: template.repainting.paint(colours), ownFiles },
        { priority: priority ?? 'background', signal },
      )
      .catch((error) => {
        throw explain(error);
      });
    checkRefused(templateId, printed);
    return { bytes: printed.bytes, pages: printed.pages, ...judgeLetters(template, data, printed.bytes) };
  }

  #find(templateId: string, language: string): Template {
    const template = this.#templates.get(templateId);
    if (template === undefined)
      throw fail('unknown_template', {
        detail: `There is no such template; there are: ${[...this.#templates.keys()].join(', ')}.`,
      });
    requireSound(template);
    if (!template.languages.includes(language))
      throw fail('unknown_language', { detail: `The template has these languages: ${template.languages.join(', ')}.` });
    return template;
  }
}

function requireSound<T extends object>(template: T | Broken): asserts template is T {
  if ('problem' in template) throw fail('template_failed', { detail: `The template is broken: ${template.problem}` });
}

const textOf = (data: Record<string, unknown>) =>
  Object.values(data)
    .filter((value) => typeof value === 'string')
    .join('\n');

/** By the file itself: which fonts a browser has come to is seen nowhere else. */
function judgeLetters({ coverage }: Template, data: Record<string, unknown>, pdf: Buffer) {
  const { missing, letters } = shownGlyphsOf(pdf);
  const doubtful = coverage.doubtful(textOf(data));
  if (missing === 0) coverage.learn(doubtful);
  return { isWhole: missing === 0, missing: missing === 0 ? [] : doubtful.filter((letter) => !letters.has(letter)) };
}

function fillPage<T>({ id }: { id: string }, language: string, fill: () => T): T {
  try {
    return fill();
  } catch (cause) {
    log.error('A template could not be filled', { template: id, language, error: cause });
    throw fail('template_failed', {}, { cause });
  }
}

/** What is not there is missing on paper: better told than printed without. */
function checkRefused(id: string, { refused }: PrintedDocument): void {
  if (refused.length === 0) return;
  log.error('A template asks for what it does not have', { template: id, refused });
  throw fail('template_failed', { detail: `The template asks for what it does not have: ${refused.join('; ')}` });
}

/** @throws {StartError} when `templatesDir` can't be read; a broken template is told in the log, and when it is asked for. */
export async function openTemplating({ rendering, templatesDir }: Dependencies): Promise<Templating> {
  const shared = await readShared(join(builtIn, sharedFolder));
  const readAll = async (folder: string): Promise<FoundTemplates> => ({
    templates: await readFolder(folder, shared),
    mails: await readMails(join(folder, mailsFolder)),
  });
  const { fonts } = shared;
  const own = await readAll(builtIn);
  if (templatesDir === undefined) return new FilledTemplates(rendering, { fonts, ...own });
  const added = await readAll(templatesDir).catch((cause) => {
    throw new StartError(`TEMPLATES_DIR can not be read: ${cause.message}`, { cause });
  });
  return new FilledTemplates(rendering, {
    fonts,
    templates: [...own.templates, ...added.templates],
    mails: [...own.mails, ...added.mails],
  });
}

export { drawQrCode } from './filters.ts';
