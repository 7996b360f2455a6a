// The few words of SOCKS 5 (RFC 1928) that a browser speaks to a proxy without a password: it greets, it names its target, it is answered.

import { isIPv6 } from 'node:net';

export interface SocksRequest {
  /** A name, or an address as text. */
  host: string;
  port: number;
}

const version = 5;
const connect = 1;
const addressTypes = { ipv4: 1, name: 3, ipv6: 4 };

const reply = (code: number) => Buffer.from([version, code, 0, addressTypes.ipv4, 0, 0, 0, 0, 0, 0]);

export const socksReplies = {
  /** Answers the greeting. */
  noPassword: Buffer.from([version, 0]),
  granted: reply(0),
  notAllowed: reply(2),
  unreachable: reply(4),
} as const;

type Unread = 'unfinished' | 'nonsense';

/** Length of the greeting at the beginning of `said`. */
export function readSocksGreeting(said: Buffer): number | Unread {
  const [first, methods] = said;
  if (first !== undefined && first !== version) return 'nonsense';
  if (methods === undefined || said.length < 2 + methods) return 'unfinished';
  return said.subarray(2, 2 + methods).includes(0) ? 2 + methods : 'nonsense';
}

/** What the client wants to be connected with. */
export function readSocksRequest(said: Buffer): SocksRequest | Unread {
  const [first, command, , type, length] = said;
  if (length === undefined) return 'unfinished';
  if (first !== version || command !== connect) return 'nonsense';
  const bounds = boundsOfAddress(type, length);
  if (bounds === undefined) return 'nonsense';
  const { start, end } = bounds;
  if (said.length < end + 2) return 'unfinished';
  const address = said.subarray(start, end);
  return {
    host: type === addressTypes.name ? address.toString('latin1') : textOf(address),
    port: said.readUInt16BE(end),
  };
}

function boundsOfAddress(type: number | undefined, length: number): { start: number; end: number } | undefined {
  if (type === addressTypes.ipv4) return { start: 4, end: 8 };
  if (type === addressTypes.ipv6) return { start: 4, end: 20 };
  if (type === addressTypes.name && length > 0) return { start: 5, end: 5 + length };
  return undefined;
}

/** The shortest text of an address, as in an origin. */
function textOf(address: Buffer): string {
  if (address.length === 4) return address.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(index * 2).toString(16));
  const { hostname } = new URL(`http://[${groups.join(':')}]`);
  const text = hostname.slice(1, -1);
  return isIPv6(text) ? text : groups.join(':');
}
