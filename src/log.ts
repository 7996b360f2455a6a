// The one log: a JSON object per line (readable text on a terminal), with the request's id, without secrets.

import { AsyncLocalStorage } from 'node:async_hooks';
import winston from 'winston';
import { redactFields, redactText } from './redaction.ts';

/** Fields that every line written inside `withLogContext` carries, for instance `requestId`. */
type LogContext = Record<string, string>;

const context = new AsyncLocalStorage<LogContext>();
const secrets = new Set<string>();

type Line = Record<string, unknown> & { level: string; message: string };

function describeError(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const cause = value.cause === undefined ? {} : { cause: describeError(value.cause) };
  return { name: value.name, message: value.message, stack: value.stack, ...cause };
}

function serialise(line: Line): string {
  const { level, message, timestamp, ...fields } = line;
  const ordered = { timestamp, level, message, ...context.getStore(), ...fields };
  return JSON.stringify(ordered, (name, value) => redactFields(name, describeError(value)));
}

const asJson = winston.format.printf((line) => redactText(serialise(line as unknown as Line), secrets));

const asText = winston.format.printf((line) => {
  const { level, message, timestamp, ...fields } = line as unknown as Line;
  const rest = JSON.stringify({ ...context.getStore(), ...fields }, (name, value) =>
    redactFields(name, value instanceof Error ? value.message : value),
  );
  return redactText(`${String(timestamp).slice(11, 19)} ${level.padEnd(5)} ${message} ${rest}`, secrets);
});

const root = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), process.stdout.isTTY ? asText : asJson),
  transports: [new winston.transports.Console()],
});

export type Log = winston.Logger;

/** A logger whose lines carry `module`. */
export function createLog(module: string): Log {
  return root.child({ module });
}

/** Sets the level, and which values never appear in a line whatever their field is called. */
export function configureLog(options: { level: string; secrets: Iterable<string> }): void {
  root.level = options.level;
  root.silent = options.level === 'silent';
  for (const secret of options.secrets) secrets.add(secret);
}

/** Runs `work` so that each line it writes, however deep and late, carries `fields`. */
export function withLogContext<T>(fields: LogContext, work: () => T): T {
  return context.run({ ...context.getStore(), ...fields }, work);
}

/** The id of the request that is being served, if any. */
export function currentRequestId(): string | undefined {
  return context.getStore()?.requestId;
}
