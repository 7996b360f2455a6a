// The example of the endpoint of the audit: behind all others, since what they do stands in it.

import type { Example } from './example.ts';

export const auditExamples: Example[] = [
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
