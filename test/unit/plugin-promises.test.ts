// A failure that a plug-in does not look at ends no process: what it is handed is tried in a process of its own.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const run = promisify(execFile);

const script = `
import { openPlugins } from './src/plugins/plugins.ts';
const fails = async (what) => { throw new Error(what + ' is away') };
const plugins = await openPlugins({
  packages: ['./test/support/plugins/hasty.ts'], origins: [], timeoutMs: 30_000, mostBytes: 1_000_000, templates: [],
  assetsOf: () => ({ read: () => fails('the asset') }),
});
const [, name] = process.argv;
const asked = { tenant: '', options: {}, signal: new AbortController().signal };
try {
  if (name === 'render') await plugins.generate('hasty/render', { ...asked, certificate: {}, tools: { render: () => fails('the browser') } });
  else for await (const each of plugins.retrieve('hasty/' + name, { ...asked, context: {}, reject() {} }));
} catch (error) {
  process.stdout.write(error.code + ': ' + error.details.detail);
}`;

test.each([
  ['fetch', 'retriever_failed: The retriever has failed: PLUGIN_ORIGINS does not name https://elsewhere.example.'],
  ['assets', 'retriever_failed: The retriever has failed: the asset is away.'],
  ['render', 'generator_failed: The generator has failed: the browser is away.'],
])('two of %s, the first of which fails, fail what they were for and not the process', async (name, said) => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script, name]);
  expect(stdout).toContain(said);
});
