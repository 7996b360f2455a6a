// What a page's console and its uncaught errors say, as text.

import type { Protocol } from 'puppeteer-core';

/** Text of what was given to console.error. */
export function textOfConsole(args: Protocol.Runtime.RemoteObject[]): string {
  return args.map(({ value, description }) => String(value ?? description ?? '')).join(' ');
}

/** `Error: its message`, without the stack; of something thrown that is no error, its value. */
export function textOfException({ exception, text }: Protocol.Runtime.ExceptionDetails): string {
  const { description, value } = exception ?? {};
  return description?.split(/\n +at /)[0] ?? String(value ?? text);
}
