// The browser is driven by a pipe: no process of it listens anywhere, and no file says where.

import { globSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from '@jest/globals';
import { browserFolders, listProcesses, startServiceProcess } from './support/process.ts';
import { until } from './support/until.ts';

/** Inodes of the sockets that listen on this machine: TCP of both kinds. */
function listeningSockets(): Set<string> {
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => readFileSync(file, 'utf8').split('\n').slice(1));
  const rows = lines.map((line) => line.trim().split(/\s+/));
  return new Set(rows.filter((row) => row[3] === '0A').map((row) => row[9] ?? ''));
}

/** Inodes of a process's open sockets. */
function socketsOf(pid: number): string[] {
  return globSync(`/proc/${pid}/fd/*`).flatMap((file) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(file))?.[1] ?? [];
    } catch {
      // Closed in between.
      return [];
    }
  });
}

/** A process and all that come from it. */
function treeOf(root: number): number[] {
  const processes = listProcesses();
  const below = (pid: number): number[] => [
    pid,
    ...processes.filter(({ parent }) => parent === pid).flatMap((child) => below(child.pid)),
  ];
  return below(root);
}

const testLinux = process.platform === 'linux' ? test : test.skip;

testLinux('no process of the browser listens on a port, and no file names one', async () => {
  await using service = await startServiceProcess({ TMPDIR: tmpdir() });
  const { pid = 0 } = service.child;
  await until(() => service.output().includes('Browser started'));
  const browsers = treeOf(pid).filter((each) => each !== pid);
  expect(browsers.length).toBeGreaterThan(1);
  const listening = listeningSockets();
  const listensAt = (each: number) => socketsOf(each).filter((inode) => listening.has(inode));
  // The look finds what there is: the service itself listens.
  expect(listensAt(pid).length).toBeGreaterThan(0);
  // Those in the sandbox hide what they have open; the one that starts them, which would listen, does not.
  expect(browsers.flatMap(socketsOf).length).toBeGreaterThan(0);
  expect(browsers.flatMap(listensAt)).toEqual([]);
  const folders = browserFolders(pid);
  expect(folders.length).toBeGreaterThan(0);
  const files = folders.flatMap((folder) => globSync('**/*', { cwd: folder }));
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((file) => file.includes('DevToolsActivePort'))).toEqual([]);
});
