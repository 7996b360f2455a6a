// The only reader of the environment: checks every variable, then all together, and gives a frozen Config with the secrets apart.

import { readFileSync } from 'node:fs';
import {
  developmentSecrets,
  type Facts,
  findProblems,
  type Problem,
  type Secrets,
  type Tenant,
} from './config-checks.ts';
import { languageOf, type PageValues, processTimeZone, readOriginSettings } from './page-settings.ts';
import { buildAttempts, buildKeycloak, buildMail, buildPlugins } from './pipeline-settings.ts';
import { StartError } from './start-error.ts';
import type { Variable } from './variable-kinds.ts';
import { type Values, variables } from './variables.ts';

export type { Secrets, Tenant };

/** How one kind of bearer token is verified. */
export interface TokenRules {
  jwksUrl: string | undefined;
  issuers: string[];
  audience: string | undefined;
}

const exampleSchool = 'http://localhost:3000';

/** Settings that are wrong, all of them at once; never with their values. */
export class ConfigError extends StartError {
  override readonly exitCode = 78;
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

const textOf = (env: NodeJS.ProcessEnv, name: string) => env[name]?.trim() || undefined;

/** What a secret holds: the text of its variable, or of the file that `…_FILE` names, as container platforms hand secrets over. */
function readSecretText(env: NodeJS.ProcessEnv, name: string, problems: Problem[]): string | undefined {
  const [text, file] = [textOf(env, name), textOf(env, `${name}_FILE`)];
  if (file === undefined) return text;
  const refuse = (rule: string) => {
    problems.push({ variable: `${name}_FILE`, rule, example: `/run/secrets/${name.toLowerCase()}` });
    return undefined;
  };
  if (text !== undefined) return refuse(`must not be set together with ${name}`);
  try {
    return readFileSync(file, 'utf8').trim() || refuse('must be the path of a file that is not empty');
  } catch {
    return refuse('must be the path of a file that can be read');
  }
}

function readValues(env: NodeJS.ProcessEnv, problems: Problem[]): Values {
  const entries = Object.entries<Variable<unknown>>(variables).map(([name, variable]) => {
    const text = variable.isSecret === true ? readSecretText(env, name, problems) : textOf(env, name);
    if (text === undefined) return [name, variable.fallback];
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
    databaseUrl: values.DATABASE_URL,
    encryptionKeys: values.ENCRYPTION_KEY,
    credentialKeys: values.CREDENTIAL_KEY,
    openEdxSecret: values.OPENEDX_CLIENT_SECRET,
    s3AccessKey: values.AWS_ACCESS_KEY_ID ?? values.MINIO_ACCESS_KEY,
    s3SecretKey: values.AWS_SECRET_ACCESS_KEY ?? values.MINIO_SECRET_KEY,
    traceHeaders: values.OTEL_EXPORTER_OTLP_HEADERS,
    testingServiceToken: values.TESTING_SERVICE_TOKEN,
    keycloakPassword: values.KEYCLOAK_ADMIN_PASSWORD,
    keycloakSecret: values.KEYCLOAK_CLIENT_SECRET,
    smtpUrl: values.SMTP_URL,
  };
}

function buildS3(values: Values) {
  if (values.AWS_STORAGE_BUCKET_NAME === undefined) return undefined;
  const endpoint = values.AWS_S3_ENDPOINT ?? values.MINIO_ENDPOINT_URL;
  return {
    bucket: values.AWS_STORAGE_BUCKET_NAME,
    region: values.AWS_REGION ?? values.MINIO_REGION ?? 'us-east-1',
    endpoint,
    publicEndpoint: values.AWS_S3_PUBLIC_ENDPOINT,
    forcePathStyle: values.AWS_S3_FORCE_PATH_STYLE || values.MINIO_ENDPOINT_URL !== undefined,
    checksumsAlways: values.S3_CHECKSUMS === 'auto' && endpoint === undefined,
  };
}

function buildTokenRules(values: Values): { userTokens: TokenRules; reportTokens: TokenRules } {
  const mapped = values.USER_TOKEN_ISSUERS.map(({ issuer }) => issuer);
  return {
    userTokens: {
      jwksUrl: values.USER_TOKEN_JWKS_URL,
      // The map alone tells tenants apart; it makes no issuer compulsory.
      issuers: values.USER_TOKEN_ISSUER === undefined ? [] : [values.USER_TOKEN_ISSUER, ...mapped],
      audience: values.USER_TOKEN_AUDIENCE,
    },
    reportTokens: { jwksUrl: values.REPORT_TOKEN_JWKS_URL, issuers: [values.REPORT_TOKEN_ISSUER], audience: undefined },
  };
}

function buildPage(values: PageValues, lang: string | undefined) {
  return {
    tokenStorageKey: values.TOKEN_STORAGE_KEY,
    tokenCookieName: values.TOKEN_COOKIE_NAME,
    isSubjectRequired: values.REQUIRE_PDF_SUBJECT,
    failOnPageErrors: values.PAGE_ERRORS === 'fail',
    strictWarnings: values.STRICT_WARNINGS,
    assetGraceMs: values.ASSET_GRACE_MS,
    settleMs: values.SETTLE_MS,
    aliases: values.PAGE_ALIASES,
    ignoredRefusals: values.IGNORED_REFUSALS,
    language: values.PAGE_LANGUAGE ?? languageOf(lang),
    timeZone: values.PAGE_TIME_ZONE ?? processTimeZone(),
    pixelRatio: values.PAGE_PIXEL_RATIO,
    printScale: values.PRINT_SCALE,
    authorities: values.BROWSER_CA_FILE,
  };
}

/** The page's contract by origin. */
function buildPages({ values, tenants, originSettings }: Facts) {
  return new Map(
    tenants.map(({ origin }) => [origin, buildPage({ ...values, ...originSettings.get(origin) }, values.LANG)]),
  );
}

function buildRendering({ values, isRoot, ...facts }: Facts) {
  return {
    browserPath: values.BROWSER_PATH ?? values.PUPPETEER_EXECUTABLE_PATH,
    hasSandbox: values.BROWSER_SANDBOX && !isRoot,
    recycleAfter: values.BROWSER_RECYCLE_AFTER,
    rendererMemoryLimitMb: values.RENDER_MEMORY_LIMIT_MB,
    browserMemoryLimitMb: values.BROWSER_MEMORY_LIMIT_MB,
    allowedOrigins: values.RENDER_ALLOWED_ORIGINS,
    concurrency: values.RENDER_CONCURRENCY,
    queueLimit: values.RENDER_QUEUE_LIMIT,
    timeoutMs: values.PDF_TIMEOUT,
    maxPages: values.MAX_PAGES,
    maxBytes: values.MAX_PDF_BYTES,
    diagnosticsDir: values.DIAGNOSTICS_DIR,
    pages: buildPages({ values, isRoot, ...facts }),
  };
}

/** All or none of it, which is checked before. */
function buildSunbird(values: Values) {
  const identityUrl = values.SUNBIRD_RC_IDENTITY_URL;
  const credentialsUrl = values.SUNBIRD_RC_CREDENTIALS_URL;
  if (identityUrl === undefined || credentialsUrl === undefined) return undefined;
  return {
    identityUrl,
    credentialsUrl,
    issuerDid: values.SUNBIRD_RC_ISSUER_DID ?? '',
    schemaId: values.SUNBIRD_RC_SCHEMA_ID ?? '',
    schemaVersion: values.SUNBIRD_RC_SCHEMA_VERSION ?? '',
  };
}

function buildCertificates(values: Values) {
  const publicUrl = (values.PUBLIC_URL ?? 'http://localhost:8080').replace(/\/+$/, '');
  return {
    publicUrl,
    issuerName: values.ISSUER_NAME ?? new URL(publicUrl).hostname,
    numberPattern: values.CERTIFICATE_NUMBER_PATTERN,
    templatesDir: values.TEMPLATES_DIR,
    imagesPrefix: values.IMAGES_PREFIX,
    sunbird: buildSunbird(values),
  };
}

function buildEvents(values: Values) {
  const brokers = values.KAFKA_BROKERS.length > 0 ? values.KAFKA_BROKERS : ['localhost:9092'];
  const kafka = { brokers, clientId: values.KAFKA_CLIENT_ID, topic: values.KAFKA_TOPIC };
  return {
    kafka: values.kafkaEnabled ? kafka : undefined,
    topic: values.KAFKA_TOPIC,
    mostAttempts: values.EVENT_MAX_ATTEMPTS,
    historyDays: values.EVENT_HISTORY_DAYS,
    webhookHosts: values.WEBHOOK_HOSTS,
  };
}

function buildTraces(values: Values) {
  const endpoint = values.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return undefined;
  return { endpoint, serviceName: values.OTEL_SERVICE_NAME, share: values.OTEL_TRACES_SAMPLER_ARG };
}

function buildConfig(facts: Facts) {
  const { values, tenants, isRoot } = facts;
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
    callerRenderLimit: values.CALLER_RENDER_LIMIT,
    asyncReportsPerMin: values.ASYNC_REPORTS_PER_MIN,
    rendering: buildRendering(facts),
    role: values.PLATEN_ROLE,
    dataDir: values.DATA_DIR,
    jobs: {
      timeoutMs: values.PROGRESS_TIMEOUT_SECONDS * 1000,
      historyDays: values.JOB_HISTORY_DAYS,
    },
    documents: {
      s3: buildS3(values),
      memoryBytes: values.DOCUMENT_CACHE_MB * 1024 * 1024,
    },
    certificates: buildCertificates(values),
    events: buildEvents(values),
    plugins: buildPlugins(values),
    attempts: buildAttempts(values),
    keycloak: buildKeycloak(values),
    mail: buildMail(values),
    traces: buildTraces(values),
    failpoint: values.PLATEN_FAILPOINT,
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
  const tenants = readTenants(values);
  const { example } = variables.ORIGIN_SETTINGS;
  const originSettings = readOriginSettings(
    values.ORIGIN_SETTINGS,
    tenants.map(({ origin }) => origin),
    (rule) => problems.push({ variable: 'ORIGIN_SETTINGS', rule, example }),
  );
  const facts: Facts = { values, secrets: readSecrets(values), tenants, originSettings, isRoot };
  problems.push(...findProblems(facts));
  if (problems.length > 0) throw new ConfigError(problems);
  return { config: Object.freeze(buildConfig(facts)), secrets: facts.secrets };
}

/** The settings of this process. */
export function loadProcessConfig(): { config: Config; secrets: Secrets } {
  return loadConfig(process.env, process.getuid?.() === 0);
}
