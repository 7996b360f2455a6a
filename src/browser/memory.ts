// Watches the resident memory of a browser's processes from outside: no flag of the browser's bounds it.

import { readFileSync } from 'node:fs';
import type { CDPSession, Protocol } from 'puppeteer-core';
import { createLog } from '../log.ts';

const log = createLog('memory');
const intervalMs = 250;
/** Asking the browser for its processes costs it more than reading what each of them takes. */
const ticksPerList = 4;
/** While no tab is open nothing grows. */
const ticksAtRest = 20;
const kilobytesPerMegabyte = 1024;

function residentMegabytes(pid: number): number {
  // At once: the kernel answers from memory, in a tenth of the time of a read that a thread is asked for.
  const status = readStatus(pid);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / kilobytesPerMegabyte;
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
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
  /** Whether a tab is open. */
  isAtWork(): boolean;
  /** Called just before the page of a killed renderer crashes. */
  onKill(): void;
  /** Called with the sum over all processes of the browser; what they share counts for each of them. */
  onMeasured(megabytes: number): void;
}

/**
 * Measures four times a second the processes that it learns of once a second; at rest both each 5 s. Linux only; elsewhere it does nothing.
 * @returns a function that stops watching.
 */
export function watchMemory(session: Promise<CDPSession>, watch: MemoryWatch): () => void {
  if (process.platform !== 'linux') return () => undefined;
  const limitMb = watch.rendererLimitMb;
  let isLooking = false;
  let tick = -1;
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
    if (tick % ticksPerList === 0) await list();
    let sum = 0;
    for (const { id, type } of processes) {
      const megabytes = residentMegabytes(id);
      sum += megabytes;
      if (type === 'renderer' && megabytes > limitMb) await endRenderer(id, megabytes);
    }
    watch.onMeasured(sum);
  }

  const timer = setInterval(() => {
    tick++;
    if (isLooking || (!watch.isAtWork() && tick % ticksAtRest !== 0)) return;
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
