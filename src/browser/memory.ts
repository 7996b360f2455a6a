// Watches the resident memory of a browser's processes from outside: no flag of the browser's bounds it.

import { readFile } from 'node:fs/promises';
import type { CDPSession, Protocol } from 'puppeteer-core';
import { createLog } from '../log.ts';

const log = createLog('memory');
const intervalMs = 250;
/** Asking the browser for its processes costs it more than reading what each of them takes. */
const ticksPerList = 4;
const kilobytesPerMegabyte = 1024;

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / kilobytesPerMegabyte;
}

function killRenderer(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    // It ended by itself meanwhile.
    return false;
  }
}

export interface MemoryWatch {
  /** A renderer above it is killed. */
  rendererLimitMb: number;
  /** Called just before the page of a killed renderer crashes. */
  onKill(): void;
  /** Called with the sum over all processes of the browser; what they share counts for each of them. */
  onMeasured(megabytes: number): void;
}

/**
 * Measures four times a second the processes that it learns of once a second. Linux only; elsewhere it does nothing.
 * @returns a function that stops watching.
 */
export function watchMemory(session: Promise<CDPSession>, watch: MemoryWatch): () => void {
  if (process.platform !== 'linux') return () => undefined;
  const limitMb = watch.rendererLimitMb;
  let isLooking = false;
  let tick = 0;
  let processes: Protocol.SystemInfo.ProcessInfo[] = [];

  async function list(): Promise<void> {
    processes = (await (await session).send('SystemInfo.getProcessInfo')).processInfo;
  }

  async function endRenderer(pid: number, megabytes: number): Promise<void> {
    // The number may be another's by now.
    await list();
    if (!processes.some(({ id, type }) => id === pid && type === 'renderer')) return;
    watch.onKill();
    const wasAlive = killRenderer(pid);
    log.warn('Renderer killed for its memory', { pid, megabytes: Math.round(megabytes), limitMb, wasAlive });
  }

  async function look(): Promise<void> {
    if (tick++ % ticksPerList === 0) await list();
    let sum = 0;
    for (const { id, type } of processes) {
      const megabytes = await residentMegabytes(id);
      sum += megabytes;
      if (type === 'renderer' && megabytes > limitMb) await endRenderer(id, megabytes);
    }
    watch.onMeasured(sum);
  }

  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    look()
      // The browser is going away or hangs: its supervisor sees that.
      .catch(() => undefined)
      .finally(() => {
        isLooking = false;
      });
  }, intervalMs).unref();
  return () => clearInterval(timer);
}
