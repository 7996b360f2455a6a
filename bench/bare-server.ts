// The least that a server can do: streams one file to whoever asks. What Platen is measured against.

import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

const [, , file = ''] = process.argv;
const { size } = statSync(file);
const server = createServer((_req, res) => {
  res.writeHead(200, { 'content-type': 'application/pdf', 'content-length': size });
  pipeline(createReadStream(file), res).catch(() => undefined);
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
