// The process: reads the settings, starts the service, waits for a signal, stops it.

import { once } from 'node:events';
import { readCommandLine } from './command-line.ts';
import { loadProcessConfig } from './config.ts';
import { createLog } from './log.ts';
import { makeEverythingPrivate } from './private-folder.ts';
import { startService } from './service.ts';
import { StartError } from './start-error.ts';

const log = createLog('main');

async function run(): Promise<void> {
  makeEverythingPrivate();
  const { config, secrets } = loadProcessConfig();
  // One that comes again is the same wish: a terminal sends it to all, and each of them passes it on.
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => undefined);
  // Before anybody can know that it runs: a signal that comes during the start stops it as well.
  const stopping = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  await using service = await startService(config, secrets);
  const [signal] = await stopping;
  log.info('Stopping', { signal, url: service.url });
}

try {
  const said = readCommandLine(process.argv.slice(2));
  if (said === undefined) {
    await run();
    log.info('Stopped');
  } else process.stdout.write(said);
} catch (error) {
  if (error instanceof StartError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  } else {
    log.error('Platen could not go on', { error });
    process.exitCode = 1;
  }
}
