// Every metric that Platen exports, in one list: their names are public and stay.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { Tally } from './tally.ts';
import { version } from './version.ts';

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

function documentMetrics(registers: Registry[]) {
  return {
    lookups: new Counter({
      name: 'platen_document_lookups_total',
      help: 'Look-ups of stored documents for people, each report of a ZIP and each attempt of their jobs counted, by result: hit or miss. A storage that fails is a miss.',
      labelNames: ['result'],
      registers,
    }),
    documentMemory: new Counter({
      name: 'platen_document_memory_total',
      help: 'Stored documents found, by whether DOCUMENT_CACHE_MB saved reading them: hit or miss.',
      labelNames: ['result'],
      registers,
    }),
    storagePaused: new Gauge({
      name: 'platen_storage_paused',
      help: '1 from when the storage has failed three times in a row until it works again, by operation: reading, writing.',
      labelNames: ['operation'],
      registers,
    }),
    storage: new Histogram({
      name: 'platen_storage_seconds',
      help: 'Time of storage operations (open, put, remove, list), by outcome: ok or error.',
      labelNames: ['operation', 'outcome'],
      buckets: seconds,
      registers,
    }),
  };
}

function jobMetrics(registers: Registry[]) {
  return {
    jobAttempts: new Counter({
      name: 'platen_job_attempts_total',
      help: 'Attempts at work of jobs in this process that ended, by outcome: completed, cancelled, retried, handed_back, or the error code.',
      labelNames: ['outcome'],
      registers,
    }),
    jobWait: new Histogram({
      name: 'platen_job_wait_seconds',
      help: 'Time from when work was accepted until it was begun for the first time, by the process that began it.',
      buckets: [...seconds, 300, 1800, 7200],
      registers,
    }),
    tasks: new Gauge({
      name: 'platen_tasks',
      help: 'Work in the database, of all processes, by state: waiting, active. As it was last seen while the database answered. Each process gives the same.',
      labelNames: ['state'],
      registers,
    }),
    databaseUp: new Gauge({
      name: 'platen_database_up',
      help: '1 while the database answers, else 0.',
      registers,
    }),
  };
}

function eventMetrics(registers: Registry[]) {
  return {
    eventAttempts: new Counter({
      name: 'platen_event_attempts_total',
      help: 'Attempts to tell others of events, by kind (kafka, webhook, mail) and outcome: ok, failed (tried again later), parked (set aside).',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    eventDelay: new Histogram({
      name: 'platen_event_delay_seconds',
      help: 'Time from when an event was written until it was sent, by kind (kafka, webhook, mail).',
      labelNames: ['kind'],
      buckets: [...seconds, 300, 3600, 21_600, 86_400],
      registers,
    }),
    events: new Gauge({
      name: 'platen_events',
      help: 'Events in the database, of all processes, by kind (kafka, webhook, mail) and state: waiting, parked. At most 10,000 are counted. Each process gives the same.',
      labelNames: ['kind', 'state'],
      registers,
    }),
    eventOldest: new Gauge({
      name: 'platen_event_oldest_waiting_seconds',
      help: 'Age of the oldest event that waits, of a mail since it was to be sent, by kind (kafka, webhook, mail); 0 where none does.',
      labelNames: ['kind'],
      registers,
    }),
  };
}

function certificateMetrics(registers: Registry[]) {
  return {
    certificates: new Counter({
      name: 'platen_certificates_total',
      help: 'Attempts at making certificates in this process that ended, by outcome: ok, or the error code.',
      labelNames: ['outcome'],
      registers,
    }),
    certificateStage: new Histogram({
      name: 'platen_certificate_stage_seconds',
      help: 'Time spent in each stage of making a certificate: pictures, print, sign, store, record (with its event).',
      labelNames: ['stage'],
      buckets: seconds,
      registers,
    }),
    certificateDownloads: new Counter({
      name: 'platen_certificate_downloads_total',
      help: 'Documents of certificates that were asked for by their signed address, by outcome: ok, or the error code; link: an address of S3 was given out, whose use only the bucket sees.',
      labelNames: ['outcome'],
      registers,
    }),
    verifications: new Counter({
      name: 'platen_verifications_total',
      help: 'Certificates that somebody verified, by what was given (code, file) and result: valid, expired, revoked, replaced; not_genuine (credential and record do not bear each other out); unknown; unreadable (a file that is no PDF that can be read).',
      labelNames: ['by', 'result'],
      registers,
    }),
  };
}

function tellBuild(registers: Registry[]): void {
  const build = new Gauge({
    name: 'platen_build_info',
    help: 'Always 1: which version of Platen and of Node runs.',
    labelNames: ['version', 'node'],
    registers,
  });
  build.set({ version, node: process.versions.node }, 1);
}

function outcomeMetrics(registers: Registry[]) {
  return {
    /** Counted for analytics, in the same places. */
    tally: new Tally(),
    renders: new Counter({
      name: 'platen_renders_total',
      help: 'Renders that ended, by outcome: ok, cancelled, or the error code. Those refused with queue_full never began, and are not counted.',
      labelNames: ['outcome'],
      registers,
    }),
    renderWarnings: new Counter({
      name: 'platen_render_warnings_total',
      help: 'Warnings of pages that were printed all the same, by code.',
      labelNames: ['code'],
      registers,
    }),
  };
}

/** A registry of its own per service, so that two services in one process (tests) don't share figures. */
export function createMetrics() {
  const registry = new Registry();
  // At every 10 ms, as the library would, looking costs more than all else of a process at rest.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 50 });
  const registers = [registry];
  tellBuild(registers);
  return {
    registry,
    ...outcomeMetrics(registers),
    renderStage: new Histogram({
      name: 'platen_render_stage_seconds',
      help: 'Time spent in each stage of a render: queue, open, load, ready, assets, settle, print, close.',
      labelNames: ['stage'],
      buckets: seconds,
      registers,
    }),
    renderRetries: new Counter({
      name: 'platen_render_retries_total',
      help: 'Renders begun again because the renderer or the browser had died.',
      registers,
    }),
    rendersWaiting: new Gauge({
      name: 'platen_renders_waiting',
      help: 'Renders waiting for a place, by priority: interactive, trigger, background.',
      labelNames: ['priority'],
      registers,
    }),
    rendersActive: new Gauge({ name: 'platen_renders_active', help: 'Renders under way.', registers }),
    browserUp: new Gauge({ name: 'platen_browser_up', help: '1 while a healthy browser runs, else 0.', registers }),
    browserMemory: new Gauge({
      name: 'platen_browser_memory_bytes',
      help: 'Resident memory of the browser, the sum over its processes: what they share counts for each.',
      registers,
    }),
    tabs: new Counter({
      name: 'platen_render_tabs_total',
      help: 'Renders begun, by the tab that they got: new, or kept from an earlier render with the same token.',
      labelNames: ['tab'],
      registers,
    }),
    browserStarts: new Counter({ name: 'platen_browser_starts_total', help: 'Browser processes started.', registers }),
    egressRefused: new Counter({
      name: 'platen_egress_refused_total',
      help: 'Connections that a page tried to an origin that is not allowed.',
      registers,
    }),
    ...documentMetrics(registers),
    ...jobMetrics(registers),
    ...eventMetrics(registers),
    ...certificateMetrics(registers),
    http: new Histogram({
      name: 'platen_http_request_seconds',
      help: 'Time until a request was answered in full, by method, route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: seconds,
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
