// Addresses that lead inside: of the machine's own metadata services, to which consent to an origin is never consent, and of private networks; however they are written.

import { BlockList, isIPv4, isIPv6 } from 'node:net';

const metadata = new BlockList();
metadata.addSubnet('169.254.0.0', 16, 'ipv4');
metadata.addSubnet('fe80::', 10, 'ipv6');
metadata.addAddress('fd00:ec2::254', 'ipv6');
// 169.254.0.0/16 inside of IPv6: compatible (RFC 4291), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056). The list knows mapped ones by itself.
metadata.addSubnet('::a9fe:0', 112, 'ipv6');
metadata.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6');
metadata.addSubnet('64:ff9b:1::a9fe:0', 112, 'ipv6');
metadata.addSubnet('64:ff9b:1:a9fe::', 64, 'ipv6');
metadata.addSubnet('2002:a9fe::', 32, 'ipv6');

/** Whether an address as text leads to such a service. */
export function isLinkLocal(address: string): boolean {
  return metadata.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** Whether a name or address is that of the machine itself. */
export const isLoopback = (host: string): boolean =>
  isIPv4(host) ? host.startsWith('127.') : ['::1', 'localhost'].includes(host);

/** Networks of IPv4 that nobody reaches from outside, or that are no single machine (RFC 6890). */
const privateNetworks: [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
];

const inside = new BlockList();
for (const [network, bits] of privateNetworks) {
  const [a = 0, b = 0, c = 0, d = 0] = network.split('.').map(Number);
  const high = ((a << 8) | b).toString(16);
  const low = ((c << 8) | d).toString(16);
  inside.addSubnet(network, bits, 'ipv4');
  // The same inside of IPv6: NAT64 and 6to4. The list knows mapped ones by itself.
  inside.addSubnet(`64:ff9b::${high}:${low}`, 96 + bits, 'ipv6');
  inside.addSubnet(`2002:${high}:${low}::`, 16 + bits, 'ipv6');
}
// Unspecified, loopback and compatible ones; NAT64 of a network's own; Teredo; unique local; link-local; site-local; to many.
for (const [network, bits] of [
  ['::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  inside.addSubnet(network, bits, 'ipv6');

/** Whether an address as text leads to this machine, a private network, or anything else that is no public machine. */
export function isInside(address: string): boolean {
  return inside.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
