// The examples of what is told of all that was done, and of a learner who is erased: behind all others.

import type { Example } from './example.ts';

const certificates = {
  issued: 40,
  revoked: 1,
  replaced: 0,
  expired: 2,
  downloaded: 35,
  verified: 12,
  refused: 1,
  mailed: 40,
};
const reports = {
  rendered: 310,
  hits: 1240,
  misses: 52,
  failures: { page_not_ready: 3 },
  warnings: { printed_while_moving: 2 },
};

export const auditExamples: Example[] = [
  {
    endpoint: 'POST /internal/learners/{studentId}/erase',
    as: 'service',
    path: '/internal/learners/STU009/erase',
    body: { reason: 'request 2026-17 of the data protection officer' },
    status: 202,
    answer: { jobId: '5f0c9a52-3f0e-4b57-9d9b-5d3a8c1f7e10' },
  },
  {
    endpoint: 'GET /internal/analytics',
    as: 'service',
    path: '/internal/analytics?from=2026-03-01&to=2026-03-01',
    status: 200,
    answer: {
      days: [{ date: '2026-03-01', certificates, reports }],
      renderMs: { p50: 610, p95: 1420, p99: 2310 },
    },
  },
  {
    endpoint: 'GET /internal/audit',
    as: 'service',
    path: '/internal/audit?target=images/logo.svg&from=2026-01-01',
    status: 200,
    answer: {
      items: [
        {
          id: '5f0c9a52-3f0e-4b57-9d9b-5d3a8c1f7e10',
          at: '2026-03-01T09:30:00.000Z',
          who: { kind: 'service', id: 'service' },
          action: 'image.put',
          target: 'images/logo.svg',
          before: null,
          after: {
            type: 'image/svg+xml',
            bytes: 119,
            sha256: '5d70ae7d2f6e8f1f0d8f0b1b3b6b1f0a2c4e6f8091a2b3c4d5e6f708192a3b4c',
          },
        },
      ],
      next: null,
    },
  },
];
