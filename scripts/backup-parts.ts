// What a backup of DATA_DIR holds, and how the two commands begin and end.

import { type DataFolder, openDataFolder } from '../src/data-folder.ts';
import { makeEverythingPrivate } from '../src/private-folder.ts';
import { variables } from '../src/variables.ts';

/** All else in DATA_DIR is made anew. */
export const backupParts = ['database', 'documents', 'encryption.key', 'credential.key'] as const;

const { DATA_DIR = variables.DATA_DIR.fallback } = process.env;

const isSet = (name: string) => [name, `${name}_FILE`].some((each) => (process.env[each] ?? '').trim() !== '');

/** What the settings keep elsewhere, as a sentence; empty where DATA_DIR has all. */
export function saidOfElsewhere(): string {
  const parts = [
    isSet('DATABASE_URL') ? 'the database of DATABASE_URL (use pg_dump)' : undefined,
    isSet('AWS_STORAGE_BUCKET_NAME') ? 'the documents in the bucket AWS_STORAGE_BUCKET_NAME' : undefined,
    isSet('ENCRYPTION_KEY') ? 'the key in ENCRYPTION_KEY' : undefined,
    isSet('CREDENTIAL_KEY') ? 'the key in CREDENTIAL_KEY' : undefined,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : `Not in it: ${parts.join(', ')}.`;
}

/** Runs a command on the locked DATA_DIR with the file that was named; says in one line how it ended. */
export async function runOnDataFolder(
  usage: string,
  work: (folder: DataFolder, file: string) => Promise<string>,
): Promise<void> {
  const [file, ...others] = process.argv.slice(2);
  try {
    if (file === undefined || others.length > 0) throw new Error(`Usage: ${usage}`);
    makeEverythingPrivate();
    using folder = openDataFolder(DATA_DIR);
    process.stdout.write(`${await work(folder, file)}\n`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
