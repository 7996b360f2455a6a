// Plug-ins: who has earned a certificate, and how its PDF is made, by packages of others and by what is built in, all behind one contract.

import { unwatched } from '../abortable.ts';
import type { Queries } from '../database/database.ts';
import { fail, ServiceError } from '../errors.ts';
import { createLog } from '../log.ts';
import { inspectPdf } from '../pdf/pdf.ts';
import type {
  Assets,
  CertificateToMake,
  Context,
  Generator,
  GeneratorTools,
  Plugin,
  Retriever,
  RetrieverTools,
} from './contract.ts';
import { type OwnDecision, readDecision, readOwnDecision } from './decision.ts';
import { handPrinting, handReject, handTools, sayOf } from './handed-tools.ts';
import { listRetriever } from './list-retriever.ts';
import { loadPlugins } from './loader.ts';
import { compileOptions, type OptionsSchema } from './options.ts';
import { overlayGenerator } from './overlay-generator.ts';
import { createTemplateGenerator, type KnownTemplate } from './template-generator.ts';
import { startLimit } from './time-limit.ts';

type Options = Record<string, unknown>;
export type PluginKind = 'retriever' | 'generator';

/** What is known of one without running it. */
export interface PluginPart {
  name: string;
  kind: PluginKind;
  title: string;
  description: string;
  options: OptionsSchema;
}

interface Asked {
  /** Prefix of the keys of whoever it is for. */
  tenant: string;
  options: Options;
  signal: AbortSignal;
}

export interface RetrievalRequest extends Asked {
  context: Context;
  studentId?: string | undefined;
  /** Only those of whom something is still to be decided, of a retriever that has a backlog. */
  isOnlyNew?: boolean | undefined;
  reject: RetrieverTools['reject'];
}

export interface GenerationRequest extends Asked {
  certificate: CertificateToMake;
  tools: Pick<GeneratorTools, 'render' | 'qrCode'>;
}

export interface Plugins {
  /** In the order of their names, retrievers first. */
  list(): PluginPart[];
  find(kind: PluginKind, name: string): PluginPart | undefined;
  /** The decisions of one, as they come, each checked. @throws retriever_failed. */
  retrieve(name: string, request: RetrievalRequest): AsyncIterable<OwnDecision>;
  /** Of a retriever that knows what is still to be decided. */
  backlogOf(retriever: string): Backlog | undefined;
  /** The PDF of one certificate, checked. @throws generator_failed; what is wrong with what it had rendered. */
  generate(name: string, request: GenerationRequest): Promise<{ bytes: Buffer; pages: number }>;
}

interface Dependencies {
  /** Names of packages, or paths. */
  packages: readonly string[];
  /** Which `fetch` reaches. */
  origins: readonly string[];
  timeoutMs: number;
  mostBytes: number;
  assetsOf(tenant: string): Assets;
  builtIn?: readonly BuiltInRetriever[];
  /** That certificates can be printed by. */
  templates: readonly KnownTemplate[];
  /** Of one context; fewer in tests. */
  mostDecisions?: number;
}

/** More learners than any course has: one that gives more goes on without end, and would fill the database. */
const mostOfOneCourse = 1_000_000;

/** Id of the context that is for all courses, of which a retriever of ours may be asked; nobody can configure one. */
export const allCourses = '*';

/** A retriever of ours is told besides for whom it is. */
export interface OwnTools extends RetrieverTools {
  /** Prefix of the keys of whoever it is for. */
  tenant: string;
  isOnlyNew: boolean;
}
export interface OwnRetriever extends Omit<Retriever, 'retrieve'> {
  retrieve(context: Context, options: Options, tools: OwnTools): AsyncIterable<OwnDecision>;
  backlog?: Backlog | undefined;
}

/** What came of a decision. */
export interface DecisionEnd {
  studentId: string;
  courseId: string;
  isEligible: boolean;
  /** What keeps a certificate back. */
  code?: string | undefined;
  certificateId?: string | undefined;
}

/** What a retriever has still to be asked for; only by the configuration that is for all courses. Options are those that are configured, of the generator too. */
export interface Backlog {
  /** Whether anything is to be decided now, by these options. */
  isDue(tx: Queries, asked: { tenant: string; options: Options }): Promise<boolean>;
  /**
   * Tells what came of decisions, in the transaction that writes it down.
   * @returns the certificates that nothing stands behind any more: it has changed while they were made.
   */
  settle(tx: Queries, told: { tenant: string; options: Options; ends: readonly DecisionEnd[] }): Promise<string[]>;
}

/** Made by those who have what it needs; without a package before its name. */
export interface BuiltInRetriever {
  retriever: OwnRetriever;
  /** That its `fetch` reaches, in the place of those of PLUGIN_ORIGINS. */
  origins?: readonly string[];
}

type Part<Work> = PluginPart & { work: Work; isBuiltIn: boolean; origins: readonly string[] | undefined };

const partOf = <Work extends Retriever | OwnRetriever | Generator>(
  kind: PluginKind,
  work: Work,
  { packageName, origins }: { packageName?: string; origins?: readonly string[] | undefined } = {},
): Part<Work> => ({
  name: packageName === undefined ? work.name : `${packageName}/${work.name}`,
  kind,
  title: work.title,
  description: work.description,
  options: compileOptions(work.options),
  work,
  isBuiltIn: packageName === undefined,
  origins,
});

const byName = <T extends { name: string }>(parts: T[]) =>
  new Map(parts.sort((one, other) => (one.name < other.name ? -1 : 1)).map((part) => [part.name, part]));

class LoadedPlugins implements Plugins {
  readonly #dependencies: Dependencies;
  readonly #retrievers: ReadonlyMap<string, Part<Retriever | OwnRetriever>>;
  readonly #generators: ReadonlyMap<string, Part<Generator>>;

  constructor(dependencies: Dependencies, loaded: readonly Plugin[]) {
    const { builtIn = [], templates } = dependencies;
    this.#dependencies = dependencies;
    const own: BuiltInRetriever[] = [{ retriever: listRetriever as Retriever }, ...builtIn];
    this.#retrievers = byName([
      ...own.map(({ retriever, origins }) => partOf('retriever', retriever, { origins })),
      ...loaded.flatMap(({ name: packageName, retrievers = [] }) =>
        retrievers.map((each) => partOf('retriever', each, { packageName })),
      ),
    ]);
    this.#generators = byName([
      ...[createTemplateGenerator(templates) as Generator, overlayGenerator as Generator].map((each) =>
        partOf('generator', each),
      ),
      ...loaded.flatMap(({ name: packageName, generators = [] }) =>
        generators.map((each) => partOf('generator', each, { packageName })),
      ),
    ]);
  }

  list(): PluginPart[] {
    return [...this.#retrievers.values(), ...this.#generators.values()];
  }

  find(kind: PluginKind, name: string): PluginPart | undefined {
    return (kind === 'retriever' ? this.#retrievers : this.#generators).get(name);
  }

  backlogOf(retriever: string): Backlog | undefined {
    const part = this.#retrievers.get(retriever);
    return part?.isBuiltIn === true ? (part.work as OwnRetriever).backlog : undefined;
  }

  async *retrieve(name: string, request: RetrievalRequest): AsyncIterable<OwnDecision> {
    const { context, options, signal, studentId, isOnlyNew = false, reject } = request;
    const part = this.#retrievers.get(name);
    if (part === undefined) throw retrieverFailed('it is not installed any more');
    using limit = startLimit(this.#dependencies.timeoutMs, signal);
    const own = part.isBuiltIn ? { tenant: request.tenant, isOnlyNew } : {};
    const read = part.isBuiltIn ? readOwnDecision : readDecision;
    const tools = {
      ...this.#toolsOf(part, request.tenant, limit.signal),
      studentId,
      reject: handReject(reject),
      ...own,
    };
    const countOne = startCount(context, this.#dependencies.mostDecisions);
    let iterator: AsyncIterator<unknown> | undefined;
    try {
      iterator = part.work.retrieve(context, options, tools as OwnTools)[Symbol.asyncIterator]();
      for (;;) {
        const next = await limit.during(iterator.next());
        if (next.done === true) return;
        countOne();
        const decision = read(next.value);
        if (studentId === undefined || decision.studentId === studentId) yield decision;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ServiceError) throw error;
      log.warn('A retriever has failed', { plugin: name, error });
      throw retrieverFailed(describe(error), error);
    } finally {
      // One that hangs is not waited for.
      unwatched(Promise.try(() => iterator?.return?.()));
    }
  }

  async generate(name: string, request: GenerationRequest): Promise<{ bytes: Buffer; pages: number }> {
    const { certificate, options, signal, tools: given } = request;
    const part = this.#generators.get(name);
    if (part === undefined) throw generatorFailed('it is not installed any more');
    using limit = startLimit(this.#dependencies.timeoutMs, signal);
    const tools = { ...this.#toolsOf(part, request.tenant, limit.signal), ...handPrinting(given) };
    try {
      return await this.#read(await limit.during(part.work.generate(certificate, options, tools)));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ServiceError) throw error;
      log.warn('A generator has failed', { plugin: name, certificateId: certificate.id, error });
      throw generatorFailed(describe(error), error);
    }
  }

  async #read(given: unknown): Promise<{ bytes: Buffer; pages: number }> {
    const { mostBytes } = this.#dependencies;
    if (!(given instanceof Uint8Array)) throw generatorFailed('it gave no bytes');
    if (given.length > mostBytes) throw generatorFailed('its PDF has more than MAX_PDF_BYTES');
    const pdf = await inspectPdf(Buffer.from(given));
    if (pdf === undefined) throw generatorFailed('what it gave is no PDF');
    return pdf;
  }

  #toolsOf({ name, origins = this.#dependencies.origins }: Part<unknown>, tenant: string, signal: AbortSignal) {
    const { assetsOf } = this.#dependencies;
    return handTools({ plugin: name, origins, assets: assetsOf(tenant), signal });
  }
}

const log = createLog('plugins');

const retrieverFailed = (what: string, cause?: unknown) =>
  fail('retriever_failed', { detail: `The retriever has failed: ${what}.` }, { cause });
const generatorFailed = (what: string, cause?: unknown) =>
  fail('generator_failed', { detail: `The generator has failed: ${what}.` }, { cause });

const mostTold = 300;
const describe = (error: unknown) => sayOf(error, mostTold);

/** @returns what throws for the first that is too many. All courses together have as many as there are attempts, which are known. */
function startCount({ id }: Context, most = mostOfOneCourse) {
  let left = id === allCourses ? Number.POSITIVE_INFINITY : most;
  return () => {
    if (left-- <= 0) throw new Error(`it gave more than ${most} decisions`);
  };
}

/** @throws {StartError} with all that is wrong with the packages. */
export async function openPlugins(dependencies: Dependencies): Promise<Plugins> {
  return new LoadedPlugins(dependencies, await loadPlugins(dependencies.packages));
}

export type { OwnDecision } from './decision.ts';
export { printPage } from './page-printer.ts';
