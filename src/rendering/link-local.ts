// Addresses of the machine's own metadata services, however they are written: consent to an origin is never consent to them.

import { BlockList, isIPv6 } from 'node:net';

const list = new BlockList();
list.addSubnet('169.254.0.0', 16, 'ipv4');
list.addSubnet('fe80::', 10, 'ipv6');
list.addAddress('fd00:ec2::254', 'ipv6');
// 169.254.0.0/16 inside of IPv6: compatible (RFC 4291), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056). The list knows mapped ones by itself.
list.addSubnet('::a9fe:0', 112, 'ipv6');
list.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6');
list.addSubnet('64:ff9b:1::a9fe:0', 112, 'ipv6');
list.addSubnet('64:ff9b:1:a9fe::', 64, 'ipv6');
list.addSubnet('2002:a9fe::', 32, 'ipv6');

/** Whether an address as text leads to such a service. */
export function isLinkLocal(address: string): boolean {
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
