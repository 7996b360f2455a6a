// Builds the rooms of the pipeline, which find out by themselves who has earned a certificate, and gives their endpoints.

import type { Assets } from './assets/assets.ts';
import { assetEndpoints } from './assets/routes.ts';
import type { Awards } from './certificates/contract.ts';
import { createConfigurations } from './configurations/configurations.ts';
import { configurationEndpoints } from './configurations/routes.ts';
import type { Database } from './database/database.ts';
import type { Endpoint } from './http/contract.ts';
import type { Jobs } from './jobs/jobs.ts';
import type { Plugins } from './plugins/plugins.ts';
import { pluginEndpoint } from './plugins/routes.ts';
import { watchDueRuns } from './runs/due-runs.ts';
import { runEndpoints } from './runs/routes.ts';
import { createRuns } from './runs/runs.ts';
import { createPrefixOf, createTenantOf } from './tenant-access.ts';

interface Dependencies {
  database: Database;
  jobs: Jobs;
  assets: Assets;
  plugins: Plugins;
  certificates: Awards;
  config: Parameters<typeof createTenantOf>[0] & { rendering: { concurrency: number } };
}

export interface Pipeline {
  endpoints: Endpoint[];
  /** Begins what is due. */
  start(): Disposable;
}

export function createPipeline({ config, ...parts }: Dependencies): Pipeline {
  const { assets, plugins } = parts;
  const tenantOf = createTenantOf(config);
  const configurations = createConfigurations(parts);
  // The next one waits already when one is made.
  const runs = createRuns({ ...parts, configurations, concurrency: config.rendering.concurrency * 2 });
  const endpoints = [
    ...assetEndpoints({ assets, tenantOf }),
    pluginEndpoint({ plugins, tenantOf }),
    ...configurationEndpoints({ configurations, tenantOf }),
    ...runEndpoints({ runs, configurations, tenantOf, prefixOf: createPrefixOf(config) }),
  ];
  return { endpoints, start: () => watchDueRuns(runs) };
}
