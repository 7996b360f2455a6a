// A small Sunbird RC registry that speaks its two calls, and fails as a test says.

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface ReceivedCall {
  path: string;
  body: Record<string, unknown>;
}

export interface ScriptedRegistry extends AsyncDisposable {
  url: string;
  calls: ReceivedCall[];
  /** Answers a call in place of the registry; with `undefined` it answers by itself. */
  answerWith: (call: ReceivedCall, response: ServerResponse) => unknown;
}

const answers: Record<string, (body: Record<string, unknown>) => unknown> = {
  '/identity/did/generate': () => [{ id: 'did:upai:4d1c', verificationMethod: [] }],
  '/credentials/credentials/issue': ({ credential }) => ({
    credential: {
      ...(credential as object),
      id: 'did:rcw:77aa',
      proof: { type: 'Ed25519Signature2020', proofValue: 'z1' },
    },
    credentialSchemaId: 'did:schema:1',
    createdAt: '2026-06-30T10:00:00.000Z',
  }),
};

export async function startScriptedRegistry(): Promise<ScriptedRegistry> {
  const registry = { calls: [] as ReceivedCall[], answerWith: (() => undefined) as ScriptedRegistry['answerWith'] };
  const server = createServer(async (request, response) => {
    const call = { path: request.url ?? '', body: (await json(request)) as Record<string, unknown> };
    registry.calls.push(call);
    if (registry.answerWith(call, response) !== undefined) return;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answers[call.path]?.(call.body) ?? null));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(registry, {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
