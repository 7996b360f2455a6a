// The figures of a class: its distribution, its place among the surveyed schools, and a row for each student.
import type { SchoolClass, Student } from './records.ts';
import { binScores, fitLine, percentileOf, rankOf, round, summarise } from './statistics.ts';
import { expectedScore, type Survey, scoresOf } from './survey.ts';
import { describeTest } from './tests.ts';

export function computeClassFigures(schoolClass: SchoolClass, survey: Survey) {
  return {
    ...computeClassContext(schoolClass, survey),
    pattern: { lattice: survey.lattice, line: survey.line, classLine: fitLine(schoolClass.students) },
    schools: survey.schools,
    students: computeStudentRows(schoolClass, survey),
  };
}

/** What every report states about the class, without naming a student. */
export function computeClassContext(schoolClass: SchoolClass, survey: Survey) {
  const { classId, title, sector, size, invented, teacher } = schoolClass;
  const scores = scoresOf(schoolClass);
  const summary = summarise(scores);
  const others = survey.schools.filter((school) => school.classId !== classId);
  return {
    class: { classId, title, sector, size, invented, teacher },
    test: describeTest(),
    summary,
    distribution: binScores(scores, 2),
    sectorSummary: survey.sectors.get(sector),
    surveySummary: survey.summary,
    schoolsCompared: others.length,
    schoolsBelow: others.filter((school) => school.mean < summary.mean).length,
  };
}

export function computeStudentRows(schoolClass: SchoolClass, survey: Survey) {
  const scores = scoresOf(schoolClass);
  return schoolClass.students
    .map((student) => ({ ...student, ...computeStanding(student, scores, survey) }))
    .toSorted((a, b) => a.rank - b.rank);
}

export function computeStanding(student: Student, classScores: number[], survey: Survey) {
  const expected = expectedScore(survey, student.ses);
  return {
    rank: rankOf(classScores, student.score),
    percentile: percentileOf(survey.scores, student.score),
    expected,
    difference: round(student.score - expected),
  };
}
