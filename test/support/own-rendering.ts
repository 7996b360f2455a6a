// Rendering on its own, with a real browser and without a service, for what prints documents that are no pages.

import { tmpdir } from 'node:os';
import { loadConfig } from '../../src/config.ts';
import { createMetrics } from '../../src/metrics.ts';
import { type Rendering, startRendering } from '../../src/rendering/rendering.ts';
import { serviceToken, userTokenSecret } from './tokens.ts';

const origin = 'http://127.0.0.1:9';

/** With the settings of a test's service; the folder is never written. */
export function startOwnRendering(env: Record<string, string> = {}): Promise<Rendering> {
  const settings = {
    NODE_ENV: 'test',
    LOG_LEVEL: 'silent',
    DATA_DIR: tmpdir(),
    PDF_SERVICE_INTERNAL_TOKEN: serviceToken,
    USER_TOKEN_SECRET: userTokenSecret,
    FRONTEND_ORIGINS: origin,
    BROWSER_PATH: process.env.BROWSER_PATH,
    ...env,
  };
  const { config } = loadConfig(settings, process.getuid?.() === 0);
  return startRendering({ config: config.rendering, origins: [origin], metrics: createMetrics() });
}
