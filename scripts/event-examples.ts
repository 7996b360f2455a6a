// The examples of the endpoints of events and webhooks.

import type { Example } from './example.ts';

const id = '3d8a1c0e-5a3b-4f0e-9d55-6f0d3a1f2b77';
const url = 'https://backend.school.example/hooks/platen';
const createdAt = '2026-03-01T09:30:00.000Z';
const event = {
  id,
  kind: 'kafka',
  type: 'certificate.issued',
  key: 'ALG1',
  webhookId: null,
  linkId: null,
  state: 'waiting',
  attempts: 0,
  createdAt,
  nextAt: createdAt,
  sentAt: null,
  lastError: null,
};

export const eventExamples: Example[] = [
  {
    endpoint: 'POST /internal/webhooks',
    as: 'service',
    path: '/internal/webhooks',
    body: { url, events: ['certificate.issued', 'report.failed'] },
    status: 201,
    answer: { id, url, secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDCw==' },
    keep: { WEBHOOK_ID: 'id' },
  },
  {
    endpoint: 'GET /internal/webhooks',
    as: 'service',
    path: '/internal/webhooks',
    status: 200,
    answer: { items: [{ id, url, events: ['certificate.issued', 'report.failed'], createdAt }], next: null },
  },
  {
    endpoint: 'DELETE /internal/webhooks/{id}',
    as: 'service',
    path: '/internal/webhooks/$WEBHOOK_ID',
    status: 204,
  },
  {
    endpoint: 'GET /internal/events',
    as: 'service',
    path: '/internal/events?state=waiting&limit=1',
    status: 200,
    answer: { items: [event], next: '1772357400000000-17' },
    keep: { EVENT_ID: 'items.0.id' },
  },
  {
    endpoint: 'POST /internal/events/{id}/redrive',
    as: 'service',
    path: '/internal/events/$EVENT_ID/redrive',
    status: 202,
    answer: event,
  },
  {
    endpoint: 'POST /internal/events/replay',
    as: 'service',
    path: '/internal/events/replay',
    body: { from: '2026-03-01T00:00:00Z', to: '2026-03-02T00:00:00Z' },
    status: 202,
    answer: { count: 12 },
  },
  {
    endpoint: 'DELETE /internal/mail-links/{id}',
    as: 'service',
    path: `/internal/mail-links/${id}`,
    status: 404,
    text: 'not_found',
  },
  { endpoint: 'GET /asyncapi.json', as: 'nobody', path: '/asyncapi.json', status: 200, text: 'COURSE_STATUS_UPDATED' },
];
