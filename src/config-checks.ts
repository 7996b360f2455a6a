// What settings must be together: the cross-checks of development, and the stricter ones of production.

import type { KeyObject } from 'node:crypto';
import { isLoopback } from './addresses.ts';
import type { PageValues } from './page-settings.ts';
import { type Values, type VariableName, variables } from './variables.ts';

export interface Tenant {
  /** Exact origin of the frontend. */
  origin: string;
  /** First segment of its keys, or '' for the tenant whose keys have none. */
  prefix: string;
}

export interface Problem {
  variable: string;
  rule: string;
  example: string;
}

export interface Secrets {
  serviceTokens: string[];
  userTokenSecret: string | undefined;
  reportTokenSecret: string | undefined;
  /** With the password of the database. */
  databaseUrl: string | undefined;
  /** The first one encrypts, each decrypts. */
  encryptionKeys: [Buffer, ...Buffer[]] | undefined;
  credentialKeys: [KeyObject, ...KeyObject[]] | undefined;
  openEdxSecret: string | undefined;
  s3AccessKey: string | undefined;
  s3SecretKey: string | undefined;
  traceHeaders: string | undefined;
  testingServiceToken: string | undefined;
  keycloakPassword: string | undefined;
  keycloakSecret: string | undefined;
  /** With the password of the mail server. */
  smtpUrl: string | undefined;
}

export const developmentSecrets = {
  PDF_SERVICE_INTERNAL_TOKEN: 'your-token-here',
  USER_TOKEN_SECRET: 'platen-development-user-token-secret',
  REPORT_TOKEN_SECRET: 'platen-development-report-token-secret',
};
const knownSecrets = new Set([...Object.values(developmentSecrets), 'changeme', 'user-jwt-token']);
export interface Facts {
  values: Values;
  secrets: Secrets;
  tenants: Tenant[];
  /** What ORIGIN_SETTINGS says of each origin. */
  originSettings: ReadonlyMap<string, Partial<PageValues>>;
  isRoot: boolean;
}

/** A cross-check: true where the settings break it. */
interface Check {
  variable: VariableName;
  rule: string;
  isBroken(facts: Facts): boolean;
}

const hasTwice = (items: string[]) => new Set(items).size < items.length;
const s3Variables = ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_S3_ENDPOINT'] as const;
const minioVariables = ['MINIO_ENDPOINT_URL', 'MINIO_ACCESS_KEY', 'MINIO_SECRET_KEY', 'MINIO_REGION'] as const;

const sunbirdVariables = [
  'SUNBIRD_RC_IDENTITY_URL',
  'SUNBIRD_RC_CREDENTIALS_URL',
  'SUNBIRD_RC_ISSUER_DID',
  'SUNBIRD_RC_SCHEMA_ID',
  'SUNBIRD_RC_SCHEMA_VERSION',
] as const;

const openEdxVariables = ['OPENEDX_URL', 'OPENEDX_CLIENT_ID', 'OPENEDX_CLIENT_SECRET'] as const;

const keycloakVariables = [
  'KEYCLOAK_REALM',
  'KEYCLOAK_ADMIN_USERNAME',
  'KEYCLOAK_ADMIN_PASSWORD',
  'KEYCLOAK_CLIENT_ID',
  'KEYCLOAK_CLIENT_SECRET',
  'KEYCLOAK_STUDENT_ATTRIBUTE',
] as const;

const isUnset = (values: Values, name: VariableName) => values[name] === undefined;

const pipelineChecks: Check[] = [
  {
    variable: 'TESTING_SERVICE_URL',
    rule: 'must be set when TESTING_SERVICE_TOKEN is',
    isBroken: ({ values }) => isUnset(values, 'TESTING_SERVICE_URL') && !isUnset(values, 'TESTING_SERVICE_TOKEN'),
  },
  {
    variable: 'KEYCLOAK_SERVER_URL',
    rule: 'must be set when other KEYCLOAK_… settings are',
    isBroken: ({ values }) =>
      isUnset(values, 'KEYCLOAK_SERVER_URL') && keycloakVariables.some((name) => !isUnset(values, name)),
  },
  {
    variable: 'KEYCLOAK_REALM',
    rule: 'must be set together with KEYCLOAK_SERVER_URL',
    isBroken: ({ values }) => !isUnset(values, 'KEYCLOAK_SERVER_URL') && isUnset(values, 'KEYCLOAK_REALM'),
  },
  {
    variable: 'KEYCLOAK_CLIENT_ID',
    rule: 'must be set with KEYCLOAK_CLIENT_SECRET, or else KEYCLOAK_ADMIN_USERNAME with KEYCLOAK_ADMIN_PASSWORD, where KEYCLOAK_SERVER_URL is',
    isBroken: ({ values }) => {
      const hasBoth = (one: VariableName, other: VariableName) => !isUnset(values, one) && !isUnset(values, other);
      const isHalf = isUnset(values, 'KEYCLOAK_CLIENT_ID') !== isUnset(values, 'KEYCLOAK_CLIENT_SECRET');
      const isComplete =
        hasBoth('KEYCLOAK_CLIENT_ID', 'KEYCLOAK_CLIENT_SECRET') ||
        hasBoth('KEYCLOAK_ADMIN_USERNAME', 'KEYCLOAK_ADMIN_PASSWORD');
      return !isUnset(values, 'KEYCLOAK_SERVER_URL') && (isHalf || !isComplete);
    },
  },
];

/** All of them or none. */
const together = (names: readonly VariableName[], family: string): Check[] =>
  names.map((variable) => ({
    variable,
    rule: `must be set together with the other ${family} settings, or none of them`,
    isBroken: ({ values }) => isUnset(values, variable) && names.some((other) => !isUnset(values, other)),
  }));

const checks: Check[] = [
  ...pipelineChecks,
  ...together(sunbirdVariables, 'SUNBIRD_RC_…'),
  ...together(openEdxVariables, 'OPENEDX_…'),
  {
    variable: 'MAIL_FROM',
    rule: 'must be set together with SMTP_URL',
    isBroken: ({ values }) => values.SMTP_URL !== undefined && values.MAIL_FROM === undefined,
  },
  ...(['MAIL_FROM', 'SMTP_CA_FILE'] as const).map((variable) => ({
    variable: 'SMTP_URL' as const,
    rule: `must be set when ${variable} is`,
    isBroken: ({ values }: Facts) => values.SMTP_URL === undefined && values[variable] !== undefined,
  })),
  {
    variable: 'FRONTEND_ORIGINS',
    rule: 'must not name an origin twice',
    isBroken: ({ tenants }) => hasTwice(tenants.map((tenant) => tenant.origin)),
  },
  {
    variable: 'FRONTEND_ORIGINS',
    rule: 'must give each origin a prefix of its own; one origin at most may have none',
    isBroken: ({ tenants }) => hasTwice(tenants.map((tenant) => tenant.prefix)),
  },
  {
    variable: 'DEFAULT_FRONTEND_ORIGIN',
    rule: 'must be one of FRONTEND_ORIGINS',
    isBroken: ({ values, tenants }) =>
      values.DEFAULT_FRONTEND_ORIGIN !== undefined &&
      !tenants.some((tenant) => tenant.origin === values.DEFAULT_FRONTEND_ORIGIN),
  },
  {
    variable: 'USER_TOKEN_ISSUERS',
    rule: 'must name only origins of FRONTEND_ORIGINS',
    isBroken: ({ values, tenants }) =>
      values.USER_TOKEN_ISSUERS.some(({ origin }) => !tenants.some((tenant) => tenant.origin === origin)),
  },
  {
    variable: 'USER_TOKEN_SECRET',
    rule: 'must not be set together with USER_TOKEN_JWKS_URL',
    isBroken: ({ values }) => values.USER_TOKEN_SECRET !== undefined && values.USER_TOKEN_JWKS_URL !== undefined,
  },
  {
    variable: 'REPORT_TOKEN_SECRET',
    rule: 'must not be set together with REPORT_TOKEN_JWKS_URL',
    isBroken: ({ values }) => values.REPORT_TOKEN_SECRET !== undefined && values.REPORT_TOKEN_JWKS_URL !== undefined,
  },
  {
    variable: 'AWS_STORAGE_BUCKET_NAME',
    rule: 'must be set when other AWS_… or MINIO_… settings are',
    isBroken: ({ values }) =>
      values.AWS_STORAGE_BUCKET_NAME === undefined &&
      [...s3Variables, ...minioVariables].some((name) => values[name] !== undefined),
  },
  {
    variable: 'AWS_ACCESS_KEY_ID',
    rule: 'must be set together with its secret key, or neither',
    isBroken: ({ secrets }) => (secrets.s3AccessKey === undefined) !== (secrets.s3SecretKey === undefined),
  },
  {
    variable: 'DATABASE_URL',
    rule: 'must be set when PLATEN_ROLE is api or worker: they meet in one database',
    isBroken: ({ values }) => values.PLATEN_ROLE !== 'all' && values.DATABASE_URL === undefined,
  },
  {
    variable: 'AWS_STORAGE_BUCKET_NAME',
    rule: 'must be set when PLATEN_ROLE is api or worker: they share the documents',
    isBroken: ({ values }) => values.PLATEN_ROLE !== 'all' && values.AWS_STORAGE_BUCKET_NAME === undefined,
  },
  {
    variable: 'HOST',
    rule: 'must be a loopback address while a secret has its development value',
    isBroken: ({ values, secrets }) =>
      !isLoopback(values.HOST) &&
      [...secrets.serviceTokens, secrets.userTokenSecret, secrets.reportTokenSecret].some((s) =>
        knownSecrets.has(s ?? ''),
      ),
  },
];

const isWeak = (secret: string) => secret.length < 32 || knownSecrets.has(secret);

const productionChecks: Check[] = [
  {
    variable: 'PDF_SERVICE_INTERNAL_TOKEN',
    rule: 'must be set in production: 32 characters or more, no development value',
    isBroken: ({ secrets }) => secrets.serviceTokens.length === 0 || secrets.serviceTokens.some(isWeak),
  },
  {
    variable: 'USER_TOKEN_SECRET',
    rule: 'or USER_TOKEN_JWKS_URL must be set in production, the secret with 32 characters or more, no development value',
    isBroken: ({ values, secrets }) =>
      secrets.userTokenSecret === undefined
        ? values.USER_TOKEN_JWKS_URL === undefined
        : isWeak(secrets.userTokenSecret),
  },
  {
    variable: 'REPORT_TOKEN_SECRET',
    rule: 'must have 32 characters or more in production, no development value',
    isBroken: ({ secrets }) => secrets.reportTokenSecret !== undefined && isWeak(secrets.reportTokenSecret),
  },
  {
    variable: 'REPORT_TOKEN_SECRET',
    rule: 'must differ from USER_TOKEN_SECRET in production unless USER_TOKEN_AUDIENCE tells the tokens apart',
    isBroken: ({ values, secrets }) =>
      secrets.reportTokenSecret !== undefined &&
      secrets.reportTokenSecret === secrets.userTokenSecret &&
      values.USER_TOKEN_AUDIENCE === undefined,
  },
  {
    variable: 'REPORT_TOKEN_JWKS_URL',
    rule: 'must differ from USER_TOKEN_JWKS_URL in production unless USER_TOKEN_AUDIENCE tells the tokens apart',
    isBroken: ({ values }) =>
      values.REPORT_TOKEN_JWKS_URL !== undefined &&
      values.REPORT_TOKEN_JWKS_URL === values.USER_TOKEN_JWKS_URL &&
      values.USER_TOKEN_AUDIENCE === undefined,
  },
  {
    variable: 'DEFAULT_FRONTEND_ORIGIN',
    rule: 'must be set in production',
    isBroken: ({ values }) => values.DEFAULT_FRONTEND_ORIGIN === undefined,
  },
  {
    variable: 'ENCRYPTION_KEY',
    rule: 'must be set in production',
    isBroken: ({ secrets }) => secrets.encryptionKeys === undefined,
  },
  {
    variable: 'PUBLIC_URL',
    rule: 'must be an https URL in production when CREDENTIAL_KEY is set: it stands on certificates and in credentials for good',
    isBroken: ({ values, secrets }) =>
      secrets.credentialKeys !== undefined && !values.PUBLIC_URL?.startsWith('https://'),
  },
  {
    variable: 'PLATEN_FAILPOINT',
    rule: 'must not be set in production: the process would kill itself',
    isBroken: ({ values }) => values.PLATEN_FAILPOINT !== undefined,
  },
  {
    variable: 'ALLOW_ROOT',
    rule: 'must be true for production as root; better run as a normal user',
    isBroken: ({ values, isRoot }) => isRoot && !values.ALLOW_ROOT,
  },
  {
    variable: 'BROWSER_SANDBOX',
    rule: 'must be false for production as root, where the browser has no sandbox; better run as a normal user',
    isBroken: ({ values, isRoot }) => isRoot && values.BROWSER_SANDBOX,
  },
];

/** Every cross-check that the settings break. */
export function findProblems(facts: Facts): Problem[] {
  const all = facts.values.NODE_ENV === 'production' ? [...checks, ...productionChecks] : checks;
  return all
    .filter((check) => check.isBroken(facts))
    .map(({ variable, rule }) => ({ variable, rule, example: variables[variable].example }));
}
