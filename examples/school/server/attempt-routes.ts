// The testing service: who has taken the test of mathematics and how it went, page by page, for those who know its token.
import { timingSafeEqual } from 'node:crypto';
import express, { type Router } from 'express';
import type { Student } from '../figures/records.ts';
import { Refusal } from './refusal.ts';

export interface TestingService {
  /** Bearer token of those who may ask. */
  token: string;
  /** Whose results are there, in the order in which they came. */
  published: readonly Student[];
}

/** As Platen asks for it. */
interface Attempt {
  id: string;
  studentId: string;
  courseId: string;
  courseName: string;
  testId: string;
  score: number;
  maxScore: number;
  passingScore: number;
  completedAt: string;
  firstName: string;
  lastName: string;
  email: string;
  language: string;
}

const course = { courseId: 'MATH1', courseName: 'Mathematics I', testId: 'Test_1' };
/** Points of the survey's test. */
const maxScore = 25;
const passingScore = 12.5;
const completedAt = '2026-02-20T10:30:00Z';
const mostItems = 500;

function attemptOf({ studentId, name, score }: Student): Attempt {
  const [firstName = '', ...others] = name.text.split(' ');
  return {
    id: `${studentId}-${course.testId}`,
    studentId,
    ...course,
    // The survey's scores are corrected for guessing, and so may lie below nothing.
    score: Math.max(0, Math.round(score * 10) / 10),
    maxScore,
    passingScore,
    completedAt,
    firstName,
    lastName: others.join(' '),
    email: `${studentId.toLowerCase()}@school.example`,
    language: name.lang,
  };
}

function isSame(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The cursor says how many stand before the next page. */
export function createAttemptRoutes({ token, published }: TestingService): Router {
  const router = express.Router();
  router.get('/attempts', (request, response) => {
    const given = request.get('authorization');
    if (given === undefined) throw new Refusal(401, 'token_missing');
    if (!isSame(given, `Bearer ${token}`)) throw new Refusal(401, 'token_invalid');
    const { after = '0', limit = String(mostItems) } = request.query;
    const [from, most] = [Number(after), Number(limit)];
    if (!Number.isInteger(from) || from < 0 || !Number.isInteger(most) || most < 1 || most > mostItems)
      throw new Refusal(400, 'bad_request');
    const end = from + most;
    response.set('Cache-Control', 'no-store');
    response.json({
      items: published.slice(from, end).map(attemptOf),
      next: end < published.length ? String(end) : null,
    });
  });
  return router;
}
