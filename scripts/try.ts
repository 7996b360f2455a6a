// Prints one page of a frontend under development, and says stage by stage what was waited for, warned of and refused.

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from '../src/config.ts';
import { ServiceError } from '../src/errors.ts';
import { configureLog } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { pageVariables } from '../src/page-variables.ts';
import type { Diagnosis, RenderedPdf, Stage } from '../src/rendering/contract.ts';
import { startRendering } from '../src/rendering/rendering.ts';
import { codeOfWarning, type WarningCode } from '../src/warnings.ts';
import { drawFirstPage } from './picture.ts';

const usage = `npm run try -- <address of a report page> [options]

  --token <token>    what the page finds in localStorage and in its cookie
  --subject <id>     whom the page must show, where it says whom it shows
  --allow <origin>   a further origin that the page may reach, as RENDER_ALLOWED_ORIGINS; can be given several times
  --out <path>       where the files go, without their endings; default: platen-try

The settings of the page (SETTLE_MS, PAGE_LANGUAGE, TOKEN_STORAGE_KEY …) are read from the environment, as the service does.
`;

const meanings: Record<WarningCode, string> = {
  printed_without: 'did not come, or not in time: ASSET_GRACE_MS',
  printed_while_moving: 'still changed when its time was up: SETTLE_MS',
  content_cut_off: 'has to be scrolled to be seen whole: give it its full height in @media print',
  refused: 'answered 401 or 403, but was no call with the token',
  page_error: 'an uncaught error: PAGE_ERRORS=fail makes it a failure',
  no_token_cookie:
    'the browser takes no such cookie (longer than 4,096 characters?): the token is in localStorage only',
};

const helpful: Partial<Record<string, string>> = {
  page_not_ready: 'Set window.__PDF_READY__ = true when everything is drawn, or data-pdf-ready on the root element.',
  page_redirected:
    'Did the page look for its token (localStorage, cookie), and did the API take it? PAGE_ALIASES names further paths.',
};

const line = (text = '') => process.stdout.write(`${text}\n`);
const section = (title: string, rows: readonly string[]) => {
  if (rows.length > 0) line(`\n${title}\n${rows.map((row) => `  ${row}`).join('\n')}`);
};

/** Says how long each stage took when the next begins. */
class StageReport {
  #stage: Stage | undefined;
  #since = performance.now();
  readonly #spent = new Map<Stage, number>();

  begin(stage: Stage | undefined): void {
    const now = performance.now();
    if (this.#stage !== undefined)
      this.#spent.set(this.#stage, (this.#spent.get(this.#stage) ?? 0) + now - this.#since);
    this.#stage = stage;
    this.#since = now;
  }

  rows(): string[] {
    return [...this.#spent]
      .filter(([stage]) => stage !== 'queue')
      .map(([stage, ms]) => `${stage.padEnd(8)}${String(Math.round(ms)).padStart(7)} ms`);
  }
}

/** The settings that matter to a page; the others may be whatever they are, an unfinished deployment's too. */
const used = [
  ...Object.keys(pageVariables),
  'ORIGIN_SETTINGS',
  'LANG',
  'FRONTEND_ORIGINS',
  'BROWSER_PATH',
  'PUPPETEER_EXECUTABLE_PATH',
  'BROWSER_SANDBOX',
  'PDF_TIMEOUT',
  'MAX_PAGES',
  'MAX_PDF_BYTES',
  'RENDER_MEMORY_LIMIT_MB',
  'DIAGNOSTICS_DIR',
];

function readSettings(address: URL, allowed: readonly string[]) {
  const { FRONTEND_ORIGINS = '', RENDER_ALLOWED_ORIGINS = '' } = process.env;
  const isKnown = FRONTEND_ORIGINS.split(/[\s,]+/).some((each) => each.split('=')[0] === address.origin);
  const own = { FRONTEND_ORIGINS: address.origin, ORIGIN_SETTINGS: '' };
  return loadConfig(
    {
      ...Object.fromEntries(used.map((name) => [name, process.env[name]])),
      ...(isKnown ? {} : own),
      NODE_ENV: 'development',
      DEFAULT_FRONTEND_ORIGIN: address.origin,
      RENDER_ALLOWED_ORIGINS: [RENDER_ALLOWED_ORIGINS, ...allowed].join(' '),
    },
    process.getuid?.() === 0,
  ).config;
}

async function writeResult(pdf: RenderedPdf, out: string): Promise<void> {
  await writeFile(`${out}.pdf`, pdf.bytes);
  const picture = await drawFirstPage(pdf.bytes);
  if (picture !== undefined) await writeFile(`${out}.png`, picture);
  const sheets = `${pdf.pages} ${pdf.pages === 1 ? 'page' : 'pages'}, ${Math.ceil(pdf.bytes.length / 1024)} kB`;
  const shown = picture === undefined ? 'no picture: pdfjs-dist is not installed' : `${out}.png shows the first page`;
  line(`\n${sheets} in ${out}.pdf; ${shown}`);
}

function explainFailure(error: ServiceError): void {
  const { detail = error.entry.detail, diagnosis } = error.details;
  const { stage, pending, consoleErrors, failedRequests, finalUrl } = (diagnosis ?? {}) as Partial<Diagnosis>;
  line(`\nNot printed: ${error.code}${stage === undefined ? '' : ` while it was at "${stage}"`}`);
  line(`  ${detail}`);
  if (helpful[error.code] !== undefined) line(`  ${helpful[error.code]}`);
  section('The page says that it waits for', pending ?? []);
  section('Its console', consoleErrors ?? []);
  section(
    'Requests that failed',
    (failedRequests ?? []).map(({ path, status, error: why }) => `${path}: ${status ?? why}`),
  );
  if (finalUrl !== undefined) line(`\nIt was at ${finalUrl}`);
}

async function tryPage(
  address: URL,
  options: { token?: string; subject?: string; allow?: string[]; out?: string },
): Promise<boolean> {
  const config = readSettings(address, options.allow ?? []);
  configureLog({ level: 'error', secrets: options.token === undefined ? [] : [options.token] });
  const refused = new Set<string>();
  const stages = new StageReport();
  await using rendering = await startRendering({
    config: config.rendering,
    origins: config.tenants.map(({ origin }) => origin),
    metrics: createMetrics(),
    onRefused: (target) => refused.add(target),
  });
  line(`Opening ${address.origin}${address.pathname}`);
  const { token, subject, out = 'platen-try' } = options;
  const printed = await rendering
    .render({ url: address.href, token, subject }, { priority: 'trigger', onStage: (stage) => stages.begin(stage) })
    .catch((error) => {
      if (error instanceof ServiceError) return error;
      throw error;
    });
  stages.begin(undefined);
  section('Stages', stages.rows());
  section('Refused, since neither FRONTEND_ORIGINS nor RENDER_ALLOWED_ORIGINS (--allow) names it', [...refused]);
  if (printed instanceof ServiceError) {
    explainFailure(printed);
    return false;
  }
  section(
    'Warnings',
    printed.warnings.map((warning) => `${warning}\n      ${meanings[codeOfWarning(warning)]}`),
  );
  await writeResult(printed, out);
  return true;
}

function readArguments() {
  const text = { type: 'string' } as const;
  return parseArgs({
    allowPositionals: true,
    options: { token: text, subject: text, out: text, allow: { ...text, multiple: true }, help: { type: 'boolean' } },
  });
}

async function run(): Promise<void> {
  const { values, positionals } = readArguments();
  const [address = '', ...more] = positionals;
  if (values.help === true) return void line(usage);
  if (!/^https?:/.test(address) || !URL.canParse(address) || more.length > 0)
    throw new TypeError(`An address is missing.\n\n${usage}`);
  if (!(await tryPage(new URL(address), values))) process.exitCode = 1;
}

try {
  await run();
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof TypeError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error instanceof ConfigError ? 78 : 2;
}
