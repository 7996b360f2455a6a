// Routes that answer a report's figures: each verifies the token, then its coverage, and only then looks anything up.
import express, { type Request, type Router } from 'express';
import { computeClassFigures } from '../figures/class-figures.ts';
import type { Records, SchoolClass } from '../figures/records.ts';
import { computeStudentFigures } from '../figures/student-figures.ts';
import type { Survey } from '../figures/survey.ts';
import { computeOverallFigures, computeTeacherFigures } from '../figures/teacher-figures.ts';
import { normaliseTestId, OVERALL } from '../figures/test-id.ts';
import { ONLY_TEST } from '../figures/tests.ts';
import { type Asked, requireCovered } from './access.ts';
import { authenticate } from './authentication.ts';
import { Refusal } from './refusal.ts';
import type { Tokens } from './tokens.ts';

type Params = Record<keyof Asked, string>;

export function createReportRoutes(records: Records, survey: Survey, tokens: Tokens): Router {
  const router = express.Router({ mergeParams: true });

  function openClass(request: Request<Params>, tests: string[]): { schoolClass: SchoolClass; asked: Asked } {
    const asked = { ...request.params, testId: normaliseTestId(request.params.testId) };
    requireCovered(authenticate(request, tokens), asked, records);
    const schoolClass = records.classes.get(asked.classId);
    if (!schoolClass) throw new Refusal(404, 'class_not_found');
    if (!tests.includes(asked.testId)) throw new Refusal(404, 'test_not_found');
    return { schoolClass, asked };
  }

  router.get('/', (request: Request<Params>, response) => {
    const { schoolClass } = openClass(request, [ONLY_TEST]);
    response.json(computeClassFigures(schoolClass, survey));
  });

  router.get('/students/:studentId', (request: Request<Params>, response) => {
    const { schoolClass, asked } = openClass(request, [ONLY_TEST]);
    const student = schoolClass.students.find(({ studentId }) => studentId === asked.studentId);
    if (!student) throw new Refusal(404, 'student_not_found');
    response.json(computeStudentFigures(student, schoolClass, survey));
  });

  router.get('/teachers/:teacherId', (request: Request<Params>, response) => {
    const { schoolClass, asked } = openClass(request, [ONLY_TEST, OVERALL]);
    if (schoolClass.teacher.teacherId !== asked.teacherId) throw new Refusal(404, 'teacher_not_found');
    const compute = asked.testId === OVERALL ? computeOverallFigures : computeTeacherFigures;
    response.json(compute(schoolClass, survey));
  });
  return router;
}
