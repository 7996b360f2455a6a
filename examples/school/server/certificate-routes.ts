// Routes about certificates: what a student has earned, and its recording with Platen, by the school's own token.
import express, { type Request, type Router } from 'express';
import type { Records } from '../figures/records.ts';
import { authenticate } from './authentication.ts';
import { Refusal } from './refusal.ts';
import type { Tokens } from './tokens.ts';

/** Where Platen is, and the secret of backends. */
export interface Platen {
  url: string;
  serviceToken: string;
}

interface Dependencies {
  records: Records;
  tokens: Tokens;
  platen: () => Platen | undefined;
}

/** The one course that this school certifies: whoever has sat the test has completed it. */
const course = { courseId: 'MATHEMATICS', courseName: 'Mathematics, Test 1' };
const issuanceDate = '2026-03-01';
const lookMs = 50;

export function createCertificateRoutes({ records, tokens, platen }: Dependencies): Router {
  const router = express.Router();

  function openStudent(request: Request) {
    const { kind, id = '' } = authenticate(request, tokens);
    const schoolClass = records.classOfStudent.get(id);
    const student = schoolClass?.students.find(({ studentId }) => studentId === id);
    const connected = platen();
    if (kind !== 'student' || student === undefined || connected === undefined) throw new Refusal(404, 'not_found');
    return { student, connected };
  }

  router.get('/', (request, response) => {
    const { connected } = openStudent(request);
    response.json({ platenUrl: connected.url, courses: [course] });
  });

  // Recorded is soon; made is what the student then watches.
  router.post('/', async (request, response) => {
    const { student, connected } = openStudent(request);
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(connected.url + path, {
        ...init,
        headers: { 'Content-Type': 'application/json', 'X-Service-Auth': `Bearer ${connected.serviceToken}` },
      });
    const { studentId, name } = student;
    const [firstName = '', ...lastNames] = name.text.split(' ');
    const certificate = { ...course, userId: studentId, firstName, lastName: lastNames.join(' '), issuanceDate };
    let isAnswered = false;
    const issuing = ask('/certificate/issue', { method: 'POST', body: JSON.stringify(certificate) })
      // What keeps it from being made the student is told by its progress.
      .catch(() => undefined)
      .finally(() => {
        isAnswered = true;
      });
    while (!isAnswered) {
      const rows = (await (await ask(`/certificates/${studentId}`)).json()) as { course_id: string }[];
      if (rows.some(({ course_id }) => course_id === course.courseId)) break;
      await Promise.race([issuing, new Promise((resolve) => setTimeout(resolve, lookMs))]);
    }
    response.status(201).json(course);
  });
  return router;
}
