// The command line of the service: it takes no settings, but says what there is.

import { parseArgs } from 'node:util';
import { StartError } from './start-error.ts';
import { type VariableName, variables } from './variables.ts';
import { version } from './version.ts';

class UsageError extends StartError {
  override readonly exitCode = 64;
}

const commands: Record<string, string> = {
  'npm start': 'serves until Ctrl-C or SIGTERM; the same as: platen',
  'npm run demo': 'an example school and Platen, one class from end to end; with -- --keep they stay up',
  'npm run try -- <address>': 'prints one page of a frontend under development; the same as: platen try <address>',
  'npx platen plugin check <path>': 'tries whether a plug-in keeps to its contract: docs/plugins.md',
  'npm run backup -- <file>': 'what is embedded in DATA_DIR, in one file; npm run restore puts it back',
  'npm start -- --help': 'this; --version: the version',
};

/** Those that somebody who begins asks for; docs/settings.md has all. */
const firstSettings: VariableName[] = [
  'PORT',
  'HOST',
  'NODE_ENV',
  'DEFAULT_FRONTEND_ORIGIN',
  'PDF_SERVICE_INTERNAL_TOKEN',
  'USER_TOKEN_SECRET',
  'USER_TOKEN_JWKS_URL',
  'REPORT_TOKEN_SECRET',
  'ENCRYPTION_KEY',
  'AWS_STORAGE_BUCKET_NAME',
  'DATABASE_URL',
  'DATA_DIR',
];

function asTable(rows: [string, string][]): string {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, text]) => `  ${name.padEnd(width)}${text}`).join('\n');
}

const helpText = () => `Platen ${version}: renders the report pages of an education platform and keeps the PDFs.

${asTable(Object.entries(commands))}

Settings are environment variables; the npm scripts also read .env. The first ones:

${asTable(firstSettings.map((name) => [name, variables[name].meaning]))}

All of them: docs/settings.md. Into production: docs/going-live.md. The API: /docs of a running service.
`;

/**
 * What is to be said in place of starting; undefined where nothing is asked.
 * @throws {StartError} for an argument that is not known.
 */
export function readCommandLine(args: string[]): string | undefined {
  try {
    const options = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } } as const;
    const { values } = parseArgs({ args, options });
    if (values.help) return helpText();
    return values.version ? `${version}\n` : undefined;
  } catch (cause) {
    const [sentence] = (cause as Error).message.split('. ');
    throw new UsageError(`${sentence}. Settings are environment variables; see --help.`, { cause });
  }
}
