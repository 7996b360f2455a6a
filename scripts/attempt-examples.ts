// The examples of the endpoints of attempts.

import type { Example } from './example.ts';

const id = 'b1f6a0de-6d4c-4f0c-9f43-2f2f6f8f0c11';
const raw = {
  id: 'ATT_1',
  studentId: 'STU003',
  courseId: 'ALG1',
  courseName: 'Algebra I',
  score: 20,
  maxScore: 100,
  passingScore: 40,
  completedAt: '2026-03-01T09:30:00Z',
};
const attempt = { id, state: 'processed', reasons: [], raw, lastError: null, nextTryAt: null };

export const attemptExamples: Example[] = [
  {
    endpoint: 'POST /internal/attempts',
    as: 'service',
    path: '/internal/attempts',
    body: { items: [raw] },
    status: 202,
    answer: { accepted: 1, duplicates: 0, rejected: 0 },
  },
  {
    endpoint: 'GET /internal/attempts',
    as: 'service',
    path: '/internal/attempts?limit=1',
    status: 200,
    answer: { items: [attempt], next: null },
    keep: { ATTEMPT_ID: 'items.0.id' },
  },
  {
    endpoint: 'POST /internal/attempts/{id}/redrive',
    as: 'service',
    path: '/internal/attempts/$ATTEMPT_ID/redrive',
    body: {},
    status: 202,
    answer: { ...attempt, state: 'new' },
  },
];
