// What the author of a plug-in reads, and all that a plug-in imports: `platen/plugin`.
//
// A plug-in is a package whose default export is made by `definePlugin`. It brings retrievers, which find out who has earned a certificate, and generators,
// which make its PDF. It is code that the operator installs, and runs with all that the process may do: what it gives is checked, what it does is not.
//
//     import { definePlugin, z } from 'platen/plugin';
//
//     export default definePlugin({
//       name: 'attendance', version: '1.0.0', contract: 1,
//       retrievers: [{
//         name: 'present', title: 'Who was there', description: 'Learners who came often enough.',
//         options: z.object({ minimumDays: z.int().min(1).default(30) }),
//         async *retrieve(context, { minimumDays }, { fetch, signal }) {
//           const response = await fetch(`https://school.example/attendance/${encodeURIComponent(context.id)}`, { signal });
//           for (const { learner, days } of await response.json())
//             yield { studentId: learner, isEligible: days >= minimumDays,
//                     criteria: [{ name: 'Days', required: minimumDays, actual: days, isMet: days >= minimumDays }] };
//         },
//       }],
//       generators: [],
//     });

import { z } from 'zod';

/** The zod that Platen itself uses, so that schemas of a plug-in are schemas of ours. */
export { z };

/** Version of this contract. One that breaks plug-ins gets another number. */
export const contractVersion = 1;

/** `{ kind: 'course', id: 'course-v1:Org+Algebra+2026', name: 'Algebra I' }` */
export interface Context {
  kind: 'course' | 'lesson' | 'pathway';
  id: string;
  /** As it stands on the certificate. */
  name: string;
  /** Of a lesson: the id of its course. */
  course?: string | undefined;
}

/** One thing that was asked of a learner: `{ name: 'Exam', required: 0.9, actual: 0.85, isMet: false }`. */
export interface Criterion {
  name: string;
  /** What was wanted. */
  required: string | number | boolean | null;
  /** What there was; null for nothing. */
  actual: string | number | boolean | null;
  isMet: boolean;
}

/** What is known of a learner: `{ firstName: 'Anjali', lastName: 'Kumar', language: 'ta' }`. All may be left out. */
export interface Learner {
  firstName?: string | undefined;
  middleName?: string | undefined;
  lastName?: string | undefined;
  email?: string | undefined;
  /** `en`, `ta`: that of the certificate. */
  language?: string | undefined;
}

/** One part of a pathway, as it is decided by itself. */
export interface Step {
  id: string;
  isEligible: boolean;
  criteria: Criterion[];
}

/** Whether a learner has earned the certificate, and why: `{ studentId: 'STU001', isEligible: true, criteria: [] }`. */
export interface Decision {
  /** 1 to 100 letters, digits or `. _ : + @ -`, beginning with a letter or digit. */
  studentId: string;
  isEligible: boolean;
  /** Shown to whoever wants to know why. */
  criteria: Criterion[];
  steps?: Step[] | undefined;
  learner?: Learner | undefined;
  /** Stand on the certificate; `score` is at most `maxScore`. */
  score?: number | undefined;
  maxScore?: number | undefined;
}

/** `log.info('A page was read', { page: 3 })`: written to the log of the process, with the name of the plug-in. Personal data does not belong there. */
export interface PluginLog {
  info(message: string, details?: Record<string, unknown>): void;
  warn(message: string, details?: Record<string, unknown>): void;
}

/** A file that an administrator has put in under a name: `await assets.read('past-attempts')`. */
export interface Assets {
  /** @throws when there is none. */
  read(slug: string): Promise<{ type: string; bytes: Uint8Array }>;
}

/** What both kinds get. */
export interface Tools {
  /** Aborted when nobody wants the result any more, or time is up: give it to `fetch`, and end when it fires. */
  signal: AbortSignal;
  /** As the `fetch` of the web, but for the origins in PLUGIN_ORIGINS only, and without following redirects. */
  fetch(input: string | URL, init?: RequestInit): Promise<Response>;
  log: PluginLog;
  assets: Assets;
}

export interface RetrieverTools extends Tools {
  /** The only learner who is asked for; undefined for all. A retriever that can't ask for one may give all: the rest is passed over. */
  studentId?: string | undefined;
  /** Tells of one record that can't be used, for instance a line of a list; the run goes on, and shows it under `errors`. */
  reject(fault: { line?: number | undefined; message: string }): void;
}

export interface Retriever<Options = Record<string, unknown>> {
  /** Letters, digits, dashes: `present`. It is chosen as `attendance/present`. */
  name: string;
  title: string;
  description: string;
  /** A zod schema or a JSON Schema of an object: validates what is configured, documents it, and makes its form. */
  options: z.ZodType<Options> | Record<string, unknown>;
  /** Gives a decision for each learner, one by one; of one learner twice the first counts. */
  retrieve(context: Context, options: Options, tools: RetrieverTools): AsyncIterable<Decision>;
}

/** What stands on a certificate. */
export interface CertificateToMake {
  id: string;
  number: string;
  type: string;
  studentId: string;
  courseId: string;
  courseName: string;
  /** The whole name, and its parts. */
  name: string;
  firstName: string;
  middleName?: string | undefined;
  lastName: string;
  /** ISO 8601. */
  issuanceDate: string;
  expirationDate?: string | undefined;
  score?: number | undefined;
  maxScore?: number | undefined;
  language: string;
  issuerName: string;
  /** Address of the page on which anyone verifies it. */
  verifyUrl: string;
}

/** A template of Platen, to be filled and printed: `render({ templateId: 'course-completion' })`. */
export interface RenderRequest {
  templateId: string;
  /** Beside what the certificate says: name, courseName, issuedOn, expiresOn, number, verifyUrl, issuerName, score, maxScore. */
  data?: Record<string, unknown>;
  /** Slugs of assets in the place of the pictures of the institution. */
  images?: { logo?: string | undefined; signature?: string | undefined; background?: string | undefined };
  /** In the place of the template's own, by their names: `{ ink: '#203040' }`. */
  colours?: Record<string, string>;
  /** In the place of the template's words, by language and key: `{ en: { title: 'Diploma' } }`. */
  texts?: Record<string, Record<string, string>>;
}

/**
 * A page of one's own: `render({ html: '<p>Well done</p>', onto: (await assets.read('our-form')).bytes })`. Nothing runs in it, and it has nothing but its files
 * and the fonts of templates (`/fonts/arimo/400.css`, with the faces of Helvetica, and its neighbours).
 */
export interface PageRequest {
  html: string;
  /** By path as it stands in an address: `/border.svg`. */
  files?: Record<string, { type: string; bytes: Uint8Array }>;
  /**
   * A PDF over whose first page this one is laid, upper left corner on upper left corner. A page that links `/paper.css` has its size, as a reader shows it, and no
   * margin; styles have it as `var(--paper-width)` and `var(--paper-height)`.
   */
  onto?: Uint8Array | undefined;
}

export interface GeneratorTools extends Tools {
  /**
   * Prints a template for this certificate, in its language; or a page of one's own.
   * @throws when a letter would be an empty box, or the page asks for what it does not have.
   */
  render(request: RenderRequest | PageRequest): Promise<Uint8Array>;
  /** Address (`data:`) of a picture of a code that telephones read: `qrCode(certificate.verifyUrl)`. */
  qrCode(text: string): string;
}

export interface Generator<Options = Record<string, unknown>> {
  name: string;
  title: string;
  description: string;
  options: z.ZodType<Options> | Record<string, unknown>;
  /** Gives the PDF of one certificate. The same certificate should give the same file: it may be asked for again. */
  generate(certificate: CertificateToMake, options: Options, tools: GeneratorTools): Promise<Uint8Array>;
}

export interface Plugin {
  /** Of the package, without its scope: letters, digits, dashes. */
  name: string;
  version: string;
  contract: typeof contractVersion;
  // biome-ignore lint/suspicious/noExplicitAny: each has options of its own, which its schema vouches for.
  retrievers?: Retriever<any>[];
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  generators?: Generator<any>[];
}

/** Gives it back as it is: it is for the editor, which knows by it what belongs there. */
export const definePlugin = (plugin: Plugin): Plugin => plugin;
