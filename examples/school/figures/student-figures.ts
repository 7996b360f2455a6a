// The figures of one student: the score beside class, sector, all students, and students of similar background.
import { computeClassContext, computeStanding } from './class-figures.ts';
import type { SchoolClass, Student } from './records.ts';
import { percentileOf, rankOf, round, summarise } from './statistics.ts';
import { type Survey, scoresOf } from './survey.ts';

const SIMILAR_SES = 0.1;

export function computeStudentFigures(student: Student, schoolClass: SchoolClass, survey: Survey) {
  const classScores = scoresOf(schoolClass);
  return {
    ...computeClassContext(schoolClass, survey),
    student: { ...student, ...computeStanding(student, classScores, survey) },
    similar: computeSimilar(student, survey),
    pattern: { lattice: survey.lattice, line: survey.line },
    ranking: computeRanking(student, schoolClass, survey),
  };
}

function computeSimilar(student: Student, survey: Survey) {
  const similar = survey.students.filter(({ ses }) => Math.abs(ses - student.ses) <= SIMILAR_SES);
  const scores = similar.map(({ score }) => score).toSorted((a, b) => a - b);
  if (scores.length === 0) return undefined;
  return { within: SIMILAR_SES, summary: summarise(scores), percentile: percentileOf(scores, student.score) };
}

/** Everyone's score without id, name or background: a student's report must not tell who the others are. */
function computeRanking(student: Student, schoolClass: SchoolClass, survey: Survey) {
  const scores = scoresOf(schoolClass);
  const average = summarise(scores).mean;
  return schoolClass.students
    .map(({ studentId, score }) => ({
      rank: rankOf(scores, score),
      score,
      fromMean: round(score - average),
      percentile: percentileOf(survey.scores, score),
      own: studentId === student.studentId,
    }))
    .toSorted((a, b) => a.rank - b.rank);
}
