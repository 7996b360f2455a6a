// What the log says of the settings at the start: where things are and who is trusted, without any secret.

import type { Config, Secrets } from './config.ts';

/** Where documents lie. */
export function describeStorage({ documents, dataDir }: Config): Record<string, string> {
  const { s3 } = documents;
  if (s3 === undefined) return { folder: dataDir };
  return { bucket: s3.bucket, endpoint: s3.endpoint ?? `AWS, ${s3.region}` };
}

function describeDatabase({ dataDir }: Config, { databaseUrl }: Secrets): string {
  if (databaseUrl === undefined) return `embedded in ${dataDir}`;
  const { host, pathname, searchParams } = new URL(databaseUrl);
  const mode = searchParams.get('sslmode');
  return `PostgreSQL at ${host}${pathname}${mode === null ? '' : `, sslmode=${mode}`}`;
}

const describeKeys = (secret: string | undefined, jwksUrl: string | undefined) =>
  jwksUrl ?? (secret === undefined ? 'not verified' : 'a secret');

/** Fields of the line that tells of the start. */
export function summariseSettings(config: Config, secrets: Secrets): Record<string, unknown> {
  const { userTokens, reportTokens, rendering, tenants } = config;
  return {
    environment: config.environment,
    role: config.role,
    frontends: tenants.map(({ origin, prefix }) => (prefix === '' ? origin : `${origin}=${prefix}`)),
    documents: describeStorage(config),
    database: describeDatabase(config, secrets),
    verifiesUsersBy: describeKeys(secrets.userTokenSecret, userTokens.jwksUrl),
    verifiesReportsBy: describeKeys(secrets.reportTokenSecret, reportTokens.jwksUrl),
    rendersAtOnce: rendering.concurrency,
    hasSandbox: rendering.hasSandbox,
  };
}

/** What never stands in the log, whatever its field is called. */
export function secretValues({ encryptionKeys, credentialKeys: _, databaseUrl, ...secrets }: Secrets): string[] {
  const passwords = [databaseUrl, secrets.smtpUrl]
    .map((url) => (url === undefined ? '' : decodeURIComponent(new URL(url).password)))
    .filter((password) => password !== '');
  const keys = (encryptionKeys ?? []).map((key) => key.toString('base64'));
  return [...Object.values(secrets).flat(), ...passwords, ...keys].filter((value) => value !== undefined);
}
