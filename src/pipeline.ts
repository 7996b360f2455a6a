// Builds the rooms of the pipeline, which find out by themselves who has earned a certificate, and gives their endpoints.

import type { Assets } from './assets/assets.ts';
import { assetEndpoints } from './assets/routes.ts';
import { createAttempts } from './attempts/attempts.ts';
import { attemptEndpoints } from './attempts/routes.ts';
import type { Certificates } from './certificates/certificates.ts';
import type { Config, Secrets } from './config.ts';
import { createConfigurations } from './configurations/configurations.ts';
import { configurationEndpoints } from './configurations/routes.ts';
import type { Database } from './database/database.ts';
import type { Documents } from './documents/documents.ts';
import type { Endpoint } from './http/contract.ts';
import type { Jobs } from './jobs/jobs.ts';
import { createLearners } from './learners/learners.ts';
import type { Plugins } from './plugins/plugins.ts';
import { pluginEndpoint } from './plugins/routes.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { watchDueRuns } from './runs/due-runs.ts';
import { runOutputEndpoints } from './runs/output-routes.ts';
import { createRunOutputs } from './runs/outputs.ts';
import { runEndpoints } from './runs/routes.ts';
import { createRuns } from './runs/runs.ts';
import type { Schedules } from './schedules/schedules.ts';
import { allPrefixes, createPrefixOf, createTenantOf } from './tenant-access.ts';

interface Dependencies {
  database: Database;
  documents: Documents;
  jobs: Jobs;
  assets: Assets;
  plugins: Plugins;
  schedules: Schedules;
  certificates: Certificates;
  /** Of streams that people open. */
  streams: RateLimiter;
  config: Config;
  secrets: Secrets;
}

export interface Pipeline {
  endpoints: Endpoint[];
  /** Begins what is due. */
  start(): Disposable;
}

export function createPipeline({ config, secrets, ...parts }: Dependencies): Pipeline {
  const { assets, plugins, streams } = parts;
  const tenantOf = createTenantOf(config);
  const tenants = allPrefixes(config);
  const { generateSeconds } = config.attempts;
  const configurations = createConfigurations({ ...parts, tenants, generateSeconds });
  // The next one waits already when one is made.
  const concurrency = config.rendering.concurrency * 2;
  const learners = createLearners(config.keycloak, secrets);
  const runs = createRuns({ ...parts, configurations, learners, concurrency });
  const attempts = createAttempts({
    ...parts,
    config: { ...config.attempts, serviceToken: secrets.testingServiceToken },
    tenant: tenants[0],
  });
  const endpoints = [
    ...assetEndpoints({ assets, tenantOf }),
    pluginEndpoint({ plugins, tenantOf }),
    ...attemptEndpoints({ attempts, tenantOf }),
    ...configurationEndpoints({ configurations, tenantOf }),
    ...runEndpoints({ runs, configurations, tenantOf, prefixOf: createPrefixOf(config) }),
    ...runOutputEndpoints({ outputs: createRunOutputs({ ...parts, runs }), tenantOf, streams }),
  ];
  return { endpoints, start: () => watchDueRuns(runs, generateSeconds) };
}
