// Reads our own source as a compiler does: files, imports, functions. For the architecture test and the figures in the README.

import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export interface SourceFunction {
  name: string;
  lines: number;
  parameters: number;
}

export interface SourceFile {
  /** Path below `src/`. */
  path: string;
  text: string;
  lines: number;
  /** Imports of our own files, as paths below `src/`. */
  imports: string[];
  /** Imports of packages and of Node, as written. */
  packages: string[];
  functions: SourceFunction[];
  hasDefaultExport: boolean;
}

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const sourceRoot = join(root, 'src');

function specifiersOf(file: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node) => {
    const isImport = ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
    if (isImport && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier))
      found.push(node.moduleSpecifier.text);
    const [argument] =
      ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword ? node.arguments : [];
    if (argument && ts.isStringLiteral(argument)) found.push(argument.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function functionsOf(file: ts.SourceFile): SourceFunction[] {
  const found: SourceFunction[] = [];
  const lineOf = (position: number) => file.getLineAndCharacterOfPosition(position).line;
  const visit = (node: ts.Node) => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const name = node.name?.getText(file) ?? 'anonymous';
      const lines = lineOf(node.end) - lineOf(node.getStart(file)) + 1;
      found.push({
        name,
        lines,
        parameters: node.parameters.filter((each) => each.name.getText(file) !== 'this').length,
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(sourceRoot, path), 'utf8');
  const parsed = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  const specifiers = specifiersOf(parsed);
  const own = specifiers.filter((specifier) => specifier.startsWith('.'));
  return {
    path,
    text,
    lines: text.split('\n').length - 1,
    imports: own.map((specifier) => relative(sourceRoot, resolve(sourceRoot, dirname(path), specifier))),
    packages: specifiers.filter((specifier) => !specifier.startsWith('.')),
    functions: functionsOf(parsed),
    hasDefaultExport: /^export default/m.test(text),
  };
}

/** Every TypeScript file below `src/`. */
export function readSources(): SourceFile[] {
  return globSync('**/*.ts', { cwd: sourceRoot }).sort().map(readSource);
}

/** Files that can be reached from themselves by imports. */
export function filesInCycles(files: SourceFile[]): string[] {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
  const reaches = (from: string) => {
    const seen = new Set<string>();
    const open = [...(importsOf.get(from) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...(importsOf.get(next) ?? []));
    }
    return seen;
  };
  return files.map(({ path }) => path).filter((path) => reaches(path).has(path));
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

/** The row of figures by which codebases are compared: files, median lines, largest, cycles, readers of the environment. */
export function figuresRow(files: SourceFile[]): string {
  const lines = files.map((file) => file.lines);
  const readers = files.filter((file) => file.text.includes('process.env')).length;
  const cells = ['`src`', files.length, median(lines), Math.max(...lines), filesInCycles(files).length, readers];
  return `| ${cells.join(' | ')} |`;
}

export const medianLines = (files: SourceFile[]): number => median(files.map((file) => file.lines));
