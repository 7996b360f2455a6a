#!/usr/bin/env node
// Starts the service, with `try` prints one page, with `plugin check` tries a plug-in, under Node 24: this Node where it is new enough, else the one that npm installed.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const isNewEnough = Number(process.versions.node.split('.')[0]) >= 24;
const candidates = [process.env.npm_config_local_prefix, root, join(root, '..', '..')]
  .filter(Boolean)
  .map((folder) => join(folder, 'node_modules', '.bin', 'node'));
const node = isNewEnough ? process.execPath : candidates.find((path) => existsSync(path));

if (node === undefined) {
  process.stderr.write('Platen needs Node 24 or newer: install it, or run "npm ci" here, which brings it on Linux.\n');
  process.exit(1);
}

const given = process.argv.slice(2);
const commands = [
  { words: ['try'], script: join('scripts', 'try.ts') },
  { words: ['plugin', 'check'], script: join('scripts', 'plugin-check.ts') },
];
const command = commands.find(({ words }) => words.every((word, at) => given[at] === word));
const program =
  command === undefined
    ? [join(root, 'src', 'main.ts'), ...given]
    : [join(root, command.script), ...given.slice(command.words.length)];
const args = ['--disable-warning=ExperimentalWarning', ...program];
const child = spawn(node, args, { stdio: 'inherit' });
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
