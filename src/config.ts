// The only reader of the environment: checks every variable, then all together, and gives a frozen Config with the secrets apart.

import { type Values, type Variable, type VariableName, variables } from './variables.ts';

export interface Tenant {
  /** Exact origin of the frontend. */
  origin: string;
  /** First segment of its keys, or '' for the tenant whose keys have none. */
  prefix: string;
}

/** How one kind of bearer token is verified. */
export interface TokenRules {
  jwksUrl: string | undefined;
  issuers: string[];
  audience: string | undefined;
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
  s3AccessKey: string | undefined;
  s3SecretKey: string | undefined;
}

const developmentSecrets = {
  PDF_SERVICE_INTERNAL_TOKEN: 'your-token-here',
  USER_TOKEN_SECRET: 'platen-development-user-token-secret',
  REPORT_TOKEN_SECRET: 'platen-development-report-token-secret',
};
const knownSecrets = new Set([...Object.values(developmentSecrets), 'changeme', 'user-jwt-token']);
const exampleSchool = 'http://localhost:3000';

/** Settings that are wrong, all of them at once; never with their values. */
export class ConfigError extends Error {
  readonly problems: Problem[];

  constructor(problems: Problem[]) {
    super(
      [
        'The settings are not usable:',
        ...problems.map((p) => `  ${p.variable}: ${p.rule}. Example: ${p.example}`),
      ].join('\n'),
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

function readValues(env: NodeJS.ProcessEnv, problems: Problem[]): Values {
  const entries = Object.entries<Variable<unknown>>(variables).map(([name, variable]) => {
    const text = env[name]?.trim();
    if (text === undefined || text === '') return [name, variable.fallback];
    const value = variable.parse(text);
    if (value === undefined)
      problems.push({ variable: name, rule: `must be ${variable.rule}`, example: variable.example });
    return [name, value ?? variable.fallback];
  });
  return Object.fromEntries(entries) as Values;
}

function readTenants(values: Values): Tenant[] {
  if (values.FRONTEND_ORIGINS.length > 0) return values.FRONTEND_ORIGINS;
  return [{ origin: values.DEFAULT_FRONTEND_ORIGIN ?? exampleSchool, prefix: '' }];
}

function readSecrets(values: Values): Secrets {
  const isProduction = values.NODE_ENV === 'production';
  const development = (name: keyof typeof developmentSecrets) => (isProduction ? undefined : developmentSecrets[name]);
  const serviceToken = values.PDF_SERVICE_INTERNAL_TOKEN ?? development('PDF_SERVICE_INTERNAL_TOKEN') ?? '';
  const userTokenFallback = values.USER_TOKEN_JWKS_URL === undefined ? development('USER_TOKEN_SECRET') : undefined;
  return {
    serviceTokens: serviceToken
      .split(',')
      .map((token) => token.trim())
      .filter(Boolean),
    userTokenSecret: values.USER_TOKEN_SECRET ?? userTokenFallback,
    reportTokenSecret: values.REPORT_TOKEN_SECRET,
    s3AccessKey: values.AWS_ACCESS_KEY_ID ?? values.MINIO_ACCESS_KEY,
    s3SecretKey: values.AWS_SECRET_ACCESS_KEY ?? values.MINIO_SECRET_KEY,
  };
}

interface Facts {
  values: Values;
  secrets: Secrets;
  tenants: Tenant[];
  isRoot: boolean;
}

/** A cross-check: true where the settings break it. */
interface Check {
  variable: VariableName;
  rule: string;
  isBroken(facts: Facts): boolean;
}

const hasTwice = (items: string[]) => new Set(items).size < items.length;
const isLoopback = (host: string) => /^(127\.|::1$|localhost$)/.test(host);
const s3Variables = ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_S3_ENDPOINT'] as const;
const minioVariables = ['MINIO_ENDPOINT_URL', 'MINIO_ACCESS_KEY', 'MINIO_SECRET_KEY', 'MINIO_REGION'] as const;

const checks: Check[] = [
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
    variable: 'DEFAULT_FRONTEND_ORIGIN',
    rule: 'must be set in production',
    isBroken: ({ values }) => values.DEFAULT_FRONTEND_ORIGIN === undefined,
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

function findProblems(facts: Facts): Problem[] {
  const all = facts.values.NODE_ENV === 'production' ? [...checks, ...productionChecks] : checks;
  return all
    .filter((check) => check.isBroken(facts))
    .map(({ variable, rule }) => ({ variable, rule, example: variables[variable].example }));
}

function buildS3(values: Values) {
  if (values.AWS_STORAGE_BUCKET_NAME === undefined) return undefined;
  const endpoint = values.AWS_S3_ENDPOINT ?? values.MINIO_ENDPOINT_URL;
  return {
    bucket: values.AWS_STORAGE_BUCKET_NAME,
    region: values.AWS_REGION ?? values.MINIO_REGION ?? 'us-east-1',
    endpoint,
    forcePathStyle: values.AWS_S3_FORCE_PATH_STYLE || values.MINIO_ENDPOINT_URL !== undefined,
    checksumsAlways: values.S3_CHECKSUMS === 'auto' && endpoint === undefined,
  };
}

function buildTokenRules(values: Values): { userTokens: TokenRules; reportTokens: TokenRules } {
  const issuers = values.USER_TOKEN_ISSUERS.map(({ issuer }) => issuer);
  return {
    userTokens: {
      jwksUrl: values.USER_TOKEN_JWKS_URL,
      issuers: values.USER_TOKEN_ISSUER === undefined ? issuers : [values.USER_TOKEN_ISSUER, ...issuers],
      audience: values.USER_TOKEN_AUDIENCE,
    },
    reportTokens: { jwksUrl: values.REPORT_TOKEN_JWKS_URL, issuers: [values.REPORT_TOKEN_ISSUER], audience: undefined },
  };
}

function buildRendering(values: Values, isRoot: boolean) {
  return {
    browserPath: values.BROWSER_PATH ?? values.PUPPETEER_EXECUTABLE_PATH,
    hasSandbox: values.BROWSER_SANDBOX && !isRoot,
    recycleAfter: values.BROWSER_RECYCLE_AFTER,
    memoryLimitMb: values.RENDER_MEMORY_LIMIT_MB,
    allowedOrigins: values.RENDER_ALLOWED_ORIGINS,
    concurrency: values.RENDER_CONCURRENCY,
    queueLimit: values.RENDER_QUEUE_LIMIT,
    timeoutMs: values.PDF_TIMEOUT,
    assetGraceMs: values.ASSET_GRACE_MS,
    failOnPageErrors: values.PAGE_ERRORS === 'fail',
    maxPages: values.MAX_PAGES,
    maxBytes: values.MAX_PDF_BYTES,
    tokenStorageKey: values.TOKEN_STORAGE_KEY,
    tokenCookieName: values.TOKEN_COOKIE_NAME,
    diagnosticsDir: values.DIAGNOSTICS_DIR,
  };
}

function buildConfig({ values, tenants, isRoot }: Facts) {
  const defaultOrigin = values.DEFAULT_FRONTEND_ORIGIN ?? tenants[0]?.origin;
  return {
    environment: values.NODE_ENV,
    logLevel: values.LOG_LEVEL,
    http: {
      port: values.PORT,
      host: values.HOST,
      trustProxy: values.TRUST_PROXY,
      rateLimitPer15Min: values.RATE_LIMIT_PER_15_MIN,
    },
    tenants,
    defaultTenant: tenants.find((tenant) => tenant.origin === defaultOrigin) as Tenant,
    originOfIssuer: new Map(values.USER_TOKEN_ISSUERS.map(({ issuer, origin }) => [issuer, origin])),
    ...buildTokenRules(values),
    pages: {
      student: values.PAGE_STUDENT,
      studentSelf: values.PAGE_STUDENT_SELF,
      teacher: values.PAGE_TEACHER,
      class: values.PAGE_CLASS,
    },
    requireSubject: values.REQUIRE_PDF_SUBJECT,
    callerRenderLimit: values.CALLER_RENDER_LIMIT,
    rendering: buildRendering(values, isRoot),
    documents: { dataDir: values.DATA_DIR, s3: buildS3(values) },
    isRunAsRoot: isRoot,
  };
}

export type Config = Readonly<ReturnType<typeof buildConfig>>;

/**
 * Reads and checks the settings.
 * @throws {ConfigError} listing every problem at once.
 */
export function loadConfig(env: NodeJS.ProcessEnv, isRoot: boolean): { config: Config; secrets: Secrets } {
  const problems: Problem[] = [];
  const values = readValues(env, problems);
  const facts: Facts = { values, secrets: readSecrets(values), tenants: readTenants(values), isRoot };
  problems.push(...findProblems(facts));
  if (problems.length > 0) throw new ConfigError(problems);
  return { config: Object.freeze(buildConfig(facts)), secrets: facts.secrets };
}

/** The settings of this process. */
export function loadProcessConfig(): { config: Config; secrets: Secrets } {
  return loadConfig(process.env, process.getuid?.() === 0);
}
