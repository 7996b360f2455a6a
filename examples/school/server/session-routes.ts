// Routes about the caller: sign in, who the token says I am, and which class a student is in.
import express, { type Router } from 'express';
import { z } from 'zod';
import type { Records } from '../figures/records.ts';
import { ONLY_TEST } from '../figures/tests.ts';
import { classesOf, requireCovered } from './access.ts';
import { findAccount } from './accounts.ts';
import { authenticate } from './authentication.ts';
import { Refusal } from './refusal.ts';
import type { Caller, Tokens } from './tokens.ts';

const credentialsSchema = z.object({ username: z.string(), password: z.string() });

export function createSessionRoutes(records: Records, tokens: Tokens): Router {
  const router = express.Router();

  router.post('/sessions', express.json({ limit: '4kb' }), (request, response) => {
    const credentials = credentialsSchema.safeParse(request.body);
    if (!credentials.success) throw new Refusal(400, 'bad_request');
    const account = findAccount(credentials.data.username, credentials.data.password, records);
    if (!account) throw new Refusal(401, 'sign_in_failed');
    response.status(201).json({ token: tokens.issueUserToken(account) });
  });

  router.get('/me', (request, response) => {
    response.json(describeCaller(authenticate(request, tokens), records));
  });

  router.get('/students/:studentId', (request, response) => {
    const caller = authenticate(request, tokens);
    const { studentId } = request.params;
    const classId = records.classOfStudent.get(studentId)?.classId;
    requireCovered(caller, { classId: classId ?? '', testId: caller.testId ?? ONLY_TEST, studentId }, records);
    if (!classId) throw new Refusal(404, 'student_not_found');
    response.json({ studentId, classId });
  });
  return router;
}

function describeCaller(caller: Caller, records: Records) {
  const classIds = classesOf(caller, records);
  return {
    userType: caller.kind,
    studentId: caller.kind === 'student' ? caller.id : undefined,
    teacherId: caller.kind === 'teacher' ? caller.id : undefined,
    classId: classIds[0],
    classIds,
    testId: caller.testId,
  };
}
