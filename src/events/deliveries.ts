// Calls webhooks with what they are to be told.

import type { Database } from '../database/database.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Sealing } from '../sealing.ts';
import { faultOf, RefusedEvent } from './contract.ts';
import { Dispatch } from './dispatch.ts';
import { callWebhook } from './webhook-call.ts';
import { claimDue, type Delivery } from './webhook-store.ts';

/** Calls of one webhook that a process has under way. */
const mostCalls = 4;
const defaultCallMs = 15_000;
/** Longer than a call may take, with what is written of it; what a dead process had claimed is claimed anew after it. */
const claimSeconds = 45;
/** Together they last 24 hours. */
const pausesSeconds = [4, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 30_000];

interface Options {
  database: Database;
  metrics: Metrics;
  sealing: Sealing;
  /** Hosts that may be called wherever they are, and without TLS. */
  trustedHosts: readonly string[];
  /** Time that one call may take. */
  callMs: number | undefined;
}

export function createDeliveries({ sealing, trustedHosts, callMs, ...options }: Options): Dispatch<Delivery> {
  return new Dispatch<Delivery>(options, {
    kind: 'webhook',
    log: createLog('webhooks'),
    failed: 'A webhook could not be told',
    about: ({ webhookId }) => ({ webhookId }),
    receiverOf: ({ webhookId }) => webhookId,
    claim: (queries, busy) => claimDue(queries, { busy, most: mostCalls, claimSeconds }),
    async send(delivery, signal) {
      const fault = faultOf('webhook', delivery);
      if (fault !== undefined) throw new RefusedEvent(fault);
      const { id, url, body, secret } = delivery;
      await callWebhook({ id, url, body, secret: sealing.open(secret) }, { trustedHosts, signal });
    },
    mostMs: callMs ?? defaultCallMs,
    graceMs: 0,
    pausesSeconds,
  });
}
