// What a backup of DATA_DIR holds, and how the two commands begin and end.

import { type DataFolder, openDataFolder } from '../src/data-folder.ts';
import { variables } from '../src/variables.ts';

/** All else in DATA_DIR is made anew. */
export const backupParts = ['database', 'documents', 'encryption.key'] as const;

const { DATA_DIR = variables.DATA_DIR.fallback } = process.env;

/** Runs a command on the locked DATA_DIR with the file that was named; says in one line how it ended. */
export async function runOnDataFolder(
  usage: string,
  work: (folder: DataFolder, file: string) => Promise<string>,
): Promise<void> {
  const [file, ...others] = process.argv.slice(2);
  try {
    if (file === undefined || others.length > 0) throw new Error(`Usage: ${usage}`);
    using folder = openDataFolder(DATA_DIR);
    process.stdout.write(`${await work(folder, file)}\n`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
