// No test waits less than the rest: a shorter deadline of its own fails on a slow machine and says nothing of Platen.

import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import ts from 'typescript';
import config from '../../jest.config.json' with { type: 'json' };
import { patienceMs } from '../support/until.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));
const files = ['*', 'unit/*', 'support/*', 'faults/*', 'thorough/*', 'frontends/*', 'frontends/support/*'].flatMap(
  (each) => globSync(`${each}.ts`, { cwd: folder }),
);

const numberOf = (node: ts.Node | undefined) =>
  node !== undefined && ts.isNumericLiteral(node) ? Number(node.text) : Number.POSITIVE_INFINITY;

/** What a call belongs to: `test` of `test.each(...)(...)`. */
function nameOf(call: ts.CallExpression): string {
  let named: ts.Expression = call;
  while (ts.isCallExpression(named) || ts.isPropertyAccessExpression(named)) named = named.expression;
  return named.getText();
}

/** The calls whose last argument is a time that is too short for what waits in them. */
function hastyCalls(path: string): string[] {
  const text = readFileSync(folder + path, 'utf8');
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const look = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.arguments.length > 1) {
      const needed = { until: patienceMs, test: config.testTimeout, beforeAll: config.testTimeout }[nameOf(node)] ?? 0;
      const given = numberOf(node.arguments.at(-1));
      if (given < needed) found.push(`${path}: ${nameOf(node)} within ${given} ms`);
    }
    ts.forEachChild(node, look);
  };
  look(source);
  return found;
}

test('there are files to look at', () => {
  expect(files.length).toBeGreaterThan(100);
});

test('waits and tests have the common deadline or a longer one', () => {
  expect(files.flatMap(hastyCalls)).toEqual([]);
});

test('a wait in vain ends, and says for what it waited, before its test does', () => {
  expect(patienceMs).toBeGreaterThanOrEqual(60_000);
  expect(config.testTimeout).toBeGreaterThanOrEqual(2 * patienceMs);
});
