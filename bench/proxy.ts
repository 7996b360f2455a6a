// Platen's egress proxy alone, as a process of its own, for one origin.

import { startEgressProxy } from '../src/rendering/egress.ts';

const [, , origin = ''] = process.argv;
const proxy = await startEgressProxy({ origins: [origin], onRefused: () => undefined });
process.stdout.write(`${proxy.url}\n`);
