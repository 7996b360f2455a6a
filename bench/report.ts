// What a measurement reports, and how it is written down.

import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { findExecutable } from '../src/browser/executable.ts';

export interface Table {
  columns: string[];
  rows: (string | number)[][];
}

export interface Section {
  title: string;
  /** Paragraphs: how it was measured, what is left out. */
  text: string[];
  tables: Table[];
}

const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;

const tableAsMarkdown = ({ columns, rows }: Table) =>
  [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');

/** A section in Markdown, its title as a heading of the second level. */
export const asMarkdown = ({ title, text, tables }: Section): string =>
  [`## ${title}`, ...text, ...tables.map(tableAsMarkdown)].join('\n\n');

/** The machine and the programs that were measured on it, in one sentence. */
export async function describeMachine(): Promise<string> {
  const { path } = await findExecutable(process.env.BROWSER_PATH);
  const browser = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim();
  const gigabytes = Math.round(totalmem() / 1024 ** 3);
  return `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${gigabytes} GB, Node ${process.versions.node}, ${browser}`;
}
