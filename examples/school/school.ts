// The example school: an education platform in small, whose report pages Platen opens and prints.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readRecords, type Student } from './figures/records.ts';
import { createApp } from './server/app.ts';
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
  /** Of its testing service, at `/testing`; there is none without it. */
  testingToken?: string;
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
  /** From now on the testing service tells how the students of this class have done. */
  publishResults(classId: string): void;
  /** The most recent 1000 requests, oldest first. */
  requests: ReadonlyArray<RecordedRequest>;
}

export async function startSchool(options: SchoolOptions): Promise<School> {
  const tokens = createTokens(options);
  const requestLog = createRequestLog();
  const records = readRecords();
  let platen: Platen | undefined;
  const published: Student[] = [];
  const testing = options.testingToken === undefined ? undefined : { token: options.testingToken, published };
  const server = createServer(createApp({ records, tokens, requestLog, platen: () => platen, testing }));
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
    publishResults(classId) {
      published.push(...(records.classes.get(classId)?.students ?? []));
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
