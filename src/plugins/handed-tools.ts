// What a plug-in is handed: whatever it does with it, the process goes on.

import { inspect } from 'node:util';
import { unwatched } from '../abortable.ts';
import { makeStorable } from '../letters.ts';
import { createLog } from '../log.ts';
import type { Assets, GeneratorTools, PluginLog, RetrieverTools, Tools } from './contract.ts';
import { createOutwardFetch } from './outward-fetch.ts';

const log = createLog('plugins');

const logOf = (plugin: string): PluginLog => ({
  info: (message, details) => log.info(message, { plugin, details }),
  warn: (message, details) => log.warn(message, { plugin, details }),
});

interface Handed {
  /** Its name, for the log. */
  plugin: string;
  origins: readonly string[];
  assets: Assets;
  signal: AbortSignal;
}

export const handTools = ({ plugin, origins, assets, signal }: Handed): Tools => ({
  signal,
  fetch: createOutwardFetch(origins, signal),
  log: logOf(plugin),
  assets: { read: (slug) => unwatched(assets.read(slug)) },
});

type Printing = Pick<GeneratorTools, 'render' | 'qrCode'>;

export const handPrinting = ({ render, qrCode }: Printing): Printing => ({
  render: (request) => unwatched(render(request)),
  qrCode,
});

/** What it says, whatever it is: anything can be thrown. */
export function sayOf(given: unknown, most: number): string {
  const said = given instanceof Error ? given.message : given;
  return makeStorable(typeof said === 'string' ? said : inspect(said), most);
}

const mostTold = 500;

/** What is told by it can be written down. */
export const handReject =
  (reject: RetrieverTools['reject']): RetrieverTools['reject'] =>
  ({ line, message }) =>
    reject({ line: Number.isSafeInteger(line) ? line : undefined, message: sayOf(message, mostTold) });
