// Addresses that no page may reach, in every form in which they can be written.

import { expect, test } from '@jest/globals';
import { isInside, isLinkLocal } from '../../src/addresses.ts';

test.each([
  '169.254.169.254',
  '169.254.0.1',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '::169.254.169.254',
  '64:ff9b::169.254.169.254',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::169.254.169.254',
  '64:ff9b:1:a9fe:a9:fe00::',
  '2002:a9fe:a9fe::1',
  'fd00:ec2::254',
  'fd00:0ec2:0:0:0:0:0:254',
  'fe80::1',
  'febf::1',
])('%s is not reached', (address) => expect(isLinkLocal(address)).toBe(true));

test.each([
  '127.0.0.1',
  '10.0.0.1',
  '169.253.169.254',
  '::1',
  '::ffff:127.0.0.1',
  '64:ff9b::10.0.0.1',
  '2002:0a00:1::1',
  'fd00:ec2::253',
  'fd12::1',
  'fec0::1',
])('%s may be reached', (address) => expect(isLinkLocal(address)).toBe(false));

test.each([
  ...[
    '127.0.0.1',
    '127.9.9.9',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
  ],
  ...[
    '0.0.0.0',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fd00:ec2::254',
    'fc00::1',
    'ff02::1',
  ],
  ...[
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::10.0.0.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '2002:a00:1::1',
  ],
  ...['2002:7f00:1::', '2001:0:1::1'],
])('%s leads inside', (address) => {
  expect(isInside(address)).toBe(true);
});

test.each([
  ...[
    '8.8.8.8',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.1.1',
    '100.63.0.1',
    '100.128.0.1',
    '223.255.255.255',
    '9.255.255.255',
  ],
  ...['2606:4700::1111', '64:ff9b::808:808', '2002:808:808::1', '::ffff:8.8.8.8', '2001:4860::1'],
])('%s is public', (address) => {
  expect(isInside(address)).toBe(false);
});
