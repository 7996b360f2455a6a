// What the whole survey says, computed once: the figures that a class or a student is compared with.
import type { Records, SchoolClass, Student } from './records.ts';
import { fitLine, type Line, mean, round, type Summary, summarise } from './statistics.ts';

export interface SchoolMean {
  classId: string;
  title: string;
  sector: string;
  size: number;
  students: number;
  mean: number;
}

export interface Survey {
  students: Student[];
  /** Ascending. */
  scores: number[];
  summary: Summary;
  sectors: Map<string, Summary>;
  /** The score that goes with a socio-economic scale value, over all students. */
  line: Line;
  /** Highest mean first. */
  schools: SchoolMean[];
  /** How many students lie in each cell of a grid over scale and score: [ses, score, students] at the cell's middle. */
  lattice: [number, number, number][];
}

export function computeSurvey(records: Records): Survey {
  const classes = [...records.classes.values()].filter((schoolClass) => !schoolClass.invented);
  const students = classes.flatMap((schoolClass) => schoolClass.students);
  const scores = students.map((student) => student.score).toSorted((a, b) => a - b);
  const bySector = Map.groupBy(classes, (schoolClass) => schoolClass.sector);
  return {
    students,
    scores,
    summary: summarise(scores),
    sectors: new Map([...bySector].map(([sector, members]) => [sector, summarise(members.flatMap(scoresOf))])),
    line: fitLine(students),
    schools: classes.map(schoolMean).toSorted((a, b) => b.mean - a.mean),
    lattice: computeLattice(students),
  };
}

export function scoresOf(schoolClass: SchoolClass): number[] {
  return schoolClass.students.map((student) => student.score);
}

export function expectedScore(survey: Survey, ses: number): number {
  return round(survey.line.intercept + survey.line.slope * ses);
}

function schoolMean(schoolClass: SchoolClass): SchoolMean {
  const { classId, title, sector, size, students } = schoolClass;
  return { classId, title, sector, size, students: students.length, mean: round(mean(scoresOf(schoolClass))) };
}

function computeLattice(students: Student[]): [number, number, number][] {
  const cells = Map.groupBy(students, ({ ses, score }) => `${Math.floor(ses / 0.2)},${Math.floor(score)}`);
  return [...cells].map(([cell, members]) => {
    const [column = 0, row = 0] = cell.split(',').map(Number);
    return [round((column + 0.5) * 0.2), row + 0.5, members.length];
  });
}
