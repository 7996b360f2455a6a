// Where test files run. It keeps the embedded database's program compiled, for all of them that one process runs: compiling it takes a second each time.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { TestEnvironment } from 'jest-environment-node';

const program = new URL('pglite.wasm', import.meta.resolve('@electric-sql/pglite'));
/** Never used: that it is there makes the engine find it again. */
const compiled = await WebAssembly.compile(await readFile(fileURLToPath(program)));

// biome-ignore lint/style/noDefaultExport: Jest loads environments by their default export
export default class PlatenEnvironment extends TestEnvironment {
  compiled = compiled;

  /** The packages of packages/ from their source, as everywhere here. */
  exportConditions() {
    return [...super.exportConditions(), 'platen-source'];
  }
}
