// Installs the dependencies when they are missing or older than the lock file, and says where Node 24 is missing; runs on any Node that npm runs on.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
const leastNode = 24;
const tellMs = 5000;
const changedAt = (name) => statSync(join(root, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const list = (folder) => (existsSync(folder) ? readdirSync(folder) : []);

/** Packages that lie in node_modules so far. */
function countPackages() {
  const names = list(modules).filter((name) => !name.startsWith('.'));
  return names.reduce((sum, name) => sum + (name.startsWith('@') ? list(join(modules, name)).length : 1), 0);
}

/** A line every few seconds: npm itself says nothing for minutes where no person looks on. */
function tellProgress() {
  const startedAt = Date.now();
  return setInterval(() => {
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    process.stdout.write(`  ${seconds} s: ${countPackages()} packages are there\n`);
  }, tellMs);
}

function install() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  process.stdout.write(
    `Installing dependencies, the browser among them (once; up to ${Object.keys(packages).length - 1} packages)…\n`,
  );
  const child = spawn('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  const telling = tellProgress();
  child.on('exit', (status) => {
    clearInterval(telling);
    if (status !== 0) process.exit(status ?? 1);
    checkNode();
  });
}

/** On Linux npm brings one, which its scripts then use. */
function checkNode() {
  const isNewEnough = Number(process.versions.node.split('.')[0]) >= leastNode;
  if (isNewEnough || existsSync(join(modules, '.bin', 'node'))) return;
  process.stderr.write(
    `Platen needs Node ${leastNode} or newer, and this is ${process.versions.node}: install it (https://nodejs.org), then run the same again.\n`,
  );
  process.exit(1);
}

if (changedAt('node_modules/.package-lock.json') < changedAt('package-lock.json')) install();
else checkNode();
