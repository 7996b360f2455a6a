// The examples of the endpoints of the pipeline: plug-ins, assets, types, configurations, runs.

import type { Example } from './example.ts';

const id = '0d9c4b0e-7c1b-4a53-9c5e-1f0f6a2f8d11';
const runId = '6a1e3d52-9a34-4c77-8a38-2f2b1f9b7c20';
const createdAt = '2026-03-01T09:30:00.000Z';
const asset = {
  slug: 'past-attempts',
  type: 'text/csv',
  bytes: 62,
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  createdAt,
};
const type = { name: 'past-attempts', retriever: 'list', generator: 'template', options: { asset: 'past-attempts' } };
const configuration = {
  id,
  context: { kind: 'course', id: 'ALG2', name: 'Algebra II' },
  type: 'past-attempts',
  options: {},
  mail: false,
  schedule: { cron: '0 3 * * 1' },
  timeZone: 'Asia/Kolkata',
  isEnabled: false,
  nextRuns: [],
  lastRun: null,
};
const builtInType = {
  name: 'course-completion',
  retriever: 'passing-attempts',
  generator: 'template',
  options: {},
};
const criteria = [{ name: 'Score', required: 5, actual: 9, isMet: true }];
const notPassed = [{ name: 'Passed', required: true, actual: false, isMet: false }];
const counts = { checked: 1, eligible: 1, issued: 0, skipped: 0, failed: 0 };
const run = {
  id: runId,
  configurationId: id,
  isDryRun: true,
  state: 'completed',
  counts,
  createdAt,
  endedAt: createdAt,
};

const assets: Example[] = [
  {
    endpoint: 'GET /internal/plugins',
    as: 'service',
    path: '/internal/plugins?limit=1',
    status: 200,
    text: '"retriever"',
  },
  {
    endpoint: 'PUT /internal/assets/{slug}',
    as: 'service',
    path: '/internal/assets/past-attempts',
    file: {
      name: 'past-attempts.csv',
      type: 'text/csv',
      text: 'studentId,firstName,lastName,score,passingScore\nSTU001,Anjali,Kumar,9,5\n',
    },
    status: 200,
    answer: asset,
  },
  {
    endpoint: 'GET /internal/assets',
    as: 'service',
    path: '/internal/assets',
    status: 200,
    answer: { items: [asset], next: null },
  },
  {
    endpoint: 'GET /internal/assets/{slug}',
    as: 'service',
    path: '/internal/assets/past-attempts',
    status: 200,
    answerHeaders: { 'content-type': 'text/csv; charset=utf-8', 'content-disposition': 'attachment' },
  },
];

const types: Example[] = [
  {
    endpoint: 'POST /internal/certificate-types',
    as: 'service',
    path: '/internal/certificate-types',
    body: type,
    status: 201,
    answer: type,
  },
  {
    endpoint: 'GET /internal/certificate-types',
    as: 'service',
    path: '/internal/certificate-types',
    status: 200,
    answer: { items: [builtInType, type], next: null },
  },
  {
    endpoint: 'GET /internal/certificate-types/{name}',
    as: 'service',
    path: '/internal/certificate-types/past-attempts',
    status: 200,
    answer: type,
  },
  {
    endpoint: 'PUT /internal/certificate-types/{name}',
    as: 'service',
    path: '/internal/certificate-types/past-attempts',
    body: { retriever: 'list', generator: 'template', options: { asset: 'past-attempts' } },
    status: 200,
    answer: type,
  },
];

const configurations: Example[] = [
  {
    endpoint: 'POST /internal/configurations',
    as: 'service',
    path: '/internal/configurations',
    body: {
      context: configuration.context,
      type: 'past-attempts',
      schedule: configuration.schedule,
      timeZone: 'Asia/Kolkata',
    },
    status: 201,
    answer: configuration,
    keep: { CONFIGURATION_ID: 'id' },
  },
  {
    endpoint: 'GET /internal/configurations',
    as: 'service',
    path: '/internal/configurations?limit=1',
    status: 200,
    answer: { items: [configuration], next: id },
  },
  {
    endpoint: 'GET /internal/configurations/{id}',
    as: 'service',
    path: '/internal/configurations/$CONFIGURATION_ID',
    status: 200,
    answer: configuration,
  },
  {
    endpoint: 'PATCH /internal/configurations/{id}',
    as: 'service',
    path: '/internal/configurations/$CONFIGURATION_ID',
    body: { validForDays: 365 },
    status: 200,
    answer: { ...configuration, validForDays: 365 },
  },
  {
    endpoint: 'GET /internal/eligibility',
    as: 'service',
    path: '/internal/eligibility?configurationId=$CONFIGURATION_ID&studentId=STU001',
    status: 200,
    answer: { studentId: 'STU001', isEligible: true, criteria },
  },
  {
    endpoint: 'GET /api/eligibility',
    as: 'student',
    path: '/api/eligibility?courseId=ALG2',
    status: 200,
    answer: { items: [{ type: 'course-completion', isEligible: false, criteria: notPassed }] },
  },
];

const runs: Example[] = [
  {
    endpoint: 'POST /internal/configurations/{id}/dry-run',
    as: 'service',
    path: '/internal/configurations/$CONFIGURATION_ID/dry-run',
    status: 202,
    answer: { runId },
    keep: { RUN_ID: 'runId' },
  },
  {
    endpoint: 'GET /internal/runs/{id}',
    as: 'service',
    path: '/internal/runs/$RUN_ID',
    status: 200,
    answer: {
      ...run,
      errors: [],
      items: [{ studentId: 'STU001', isEligible: true, criteria, outcome: 'would_issue' }],
      next: null,
    },
  },
  {
    endpoint: 'GET /internal/runs',
    as: 'service',
    path: '/internal/runs?configurationId=$CONFIGURATION_ID',
    status: 200,
    answer: { items: [run], next: null },
  },
  {
    endpoint: 'GET /internal/runs/{id}/report.csv',
    as: 'service',
    path: '/internal/runs/$RUN_ID/report.csv',
    status: 200,
    answerHeaders: { 'content-type': 'text/csv; charset=utf-8' },
    text: 'STU001,true,would_issue,,,"Score: required 5, actual 9, met",',
  },
  {
    endpoint: 'GET /internal/runs/{id}/events',
    as: 'service',
    path: '/internal/runs/$RUN_ID/events',
    status: 200,
    answerHeaders: { 'content-type': 'text/event-stream' },
    text: '"state":"completed"',
  },
  {
    endpoint: 'DELETE /internal/runs/{id}',
    as: 'service',
    path: '/internal/runs/$RUN_ID',
    status: 409,
    text: '"code":"already_ended"',
  },
  {
    endpoint: 'POST /internal/configurations/{id}/run',
    as: 'service',
    path: '/internal/configurations/$CONFIGURATION_ID/run',
    body: { except: ['STU002'] },
    status: 202,
    answer: { runId },
    keep: { RUN_ID: 'runId' },
  },
  {
    endpoint: undefined,
    as: 'service',
    path: '/internal/runs/$RUN_ID',
    status: 200,
    text: '"outcome":"issued"',
  },
  {
    endpoint: 'GET /internal/runs/{id}/archive',
    as: 'service',
    path: '/internal/runs/$RUN_ID/archive',
    status: 200,
    answerHeaders: { 'content-type': 'application/zip' },
    text: 'STU001.pdf',
  },
  {
    endpoint: 'POST /internal/runs/{id}/retry',
    as: 'service',
    path: '/internal/runs/$RUN_ID/retry',
    status: 409,
    text: '"code":"not_failed"',
  },
];

const takingAway: Example[] = [
  {
    endpoint: 'DELETE /internal/configurations/{id}',
    as: 'service',
    path: '/internal/configurations/$CONFIGURATION_ID',
    status: 204,
  },
  {
    endpoint: 'DELETE /internal/certificate-types/{name}',
    as: 'service',
    path: '/internal/certificate-types/past-attempts',
    status: 204,
  },
  {
    endpoint: 'DELETE /internal/assets/{slug}',
    as: 'service',
    path: '/internal/assets/past-attempts',
    status: 204,
  },
];

export const pipelineExamples: Example[] = [...assets, ...types, ...configurations, ...runs, ...takingAway];
