// Addresses that no page may reach, in every form in which they can be written.

import { expect, test } from '@jest/globals';
import { isLinkLocal } from '../../src/rendering/link-local.ts';

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
