// The example school: an education platform in small, whose report pages Platen opens and prints.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from './server/app.ts';
import type { TestingService } from './server/attempt-routes.ts';
import type { Platen } from './server/certificate-routes.ts';
import { createRequestLog, type RecordedRequest } from './server/request-log.ts';
import { createTokens, type UserClaims } from './server/tokens.ts';

export type { UserClaims };

export interface SchoolOptions {
  /** 3000 unless given; 0 picks a free one. */
  port?: number;
  /** The address to listen on, 127.0.0.1 unless given. */
  host?: string;
  /** HS256 secret of the tokens that people sign in with. */
  userTokenSecret: string;
  /** HS256 secret of report tokens, whose issuer is inzighted-backend. */
  reportTokenSecret: string;
  /** The testing service below `/testing`; there is none unless this is given. */
  testing?: TestingService;
}

export interface School extends AsyncDisposable {
  /** Always on the name `localhost`, whatever address is listened on. */
  origin: string;
  port: number;
  /** Valid for 8 hours unless told otherwise. */
  issueUserToken(who: UserClaims, options?: { expiresInSeconds?: number }): string;
  /** Valid for 10 minutes unless told otherwise; issuer and scope are filled in where the claims leave them out. */
  issueReportToken(claims: Record<string, unknown>, options?: { expiresInSeconds?: number }): string;
  /** From now on students can ask for their certificates. */
  connect(platen: Platen): void;
  /** The most recent 1000 requests, oldest first. */
  requests: ReadonlyArray<RecordedRequest>;
}

export async function startSchool(options: SchoolOptions): Promise<School> {
  const tokens = createTokens(options);
  const requestLog = createRequestLog();
  let platen: Platen | undefined;
  const server = createServer(createApp({ tokens, requestLog, platen: () => platen, testing: options.testing }));
  server.listen(options.port ?? 3000, options.host ?? '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://localhost:${port}`,
    port,
    issueUserToken: tokens.issueUserToken,
    issueReportToken: tokens.issueReportToken,
    connect(next) {
      platen = next;
    },
    requests: requestLog.requests,
    [Symbol.asyncDispose]: () => close(server),
  };
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
