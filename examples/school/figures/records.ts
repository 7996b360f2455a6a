// Reads the survey's files and the invented class into the school's records: classes, students and teachers.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type DisplayName, inventName } from './names.ts';

export interface Student {
  studentId: string;
  name: DisplayName;
  score: number;
  ses: number;
}

export interface SchoolClass {
  classId: string;
  title: string;
  sector: string;
  size: number;
  /** True for the one class that isn't in the survey. */
  invented: boolean;
  teacher: { teacherId: string; name: DisplayName };
  students: Student[];
}

export interface Records {
  classes: Map<string, SchoolClass>;
  classOfStudent: Map<string, SchoolClass>;
  classOfTeacher: Map<string, SchoolClass>;
}

const dataFolder = join(import.meta.dirname, '..', 'data');
const nameSchema = z.object({ text: z.string(), lang: z.string() });
const inventedClassSchema = z.object({
  classId: z.string(),
  title: z.string(),
  sector: z.string(),
  size: z.number(),
  teacher: z.object({ teacherId: z.string(), name: nameSchema }),
  students: z.array(z.object({ studentId: z.string(), name: nameSchema, score: z.number(), ses: z.number() })),
});

export function readRecords(): Records {
  const classes = [...readSurveyClasses(), readInventedClass()];
  return {
    classes: new Map(classes.map((schoolClass) => [schoolClass.classId, schoolClass])),
    classOfTeacher: new Map(classes.map((schoolClass) => [schoolClass.teacher.teacherId, schoolClass])),
    classOfStudent: new Map(
      classes.flatMap((schoolClass) =>
        schoolClass.students.map((student) => [student.studentId, schoolClass] as [string, SchoolClass]),
      ),
    ),
  };
}

function readSurveyClasses(): SchoolClass[] {
  const studentsBySchool = Map.groupBy(readRows('students.csv'), ([school]) => school);
  return readRows('schools.csv').map(([school = '', size = '', sector = '']) => ({
    classId: `CLASS_${school}`,
    title: `School ${school}`,
    sector,
    size: Number(size),
    invented: false,
    teacher: { teacherId: `TCH_${school}`, name: inventName(Number(school), 0) },
    students: (studentsBySchool.get(school) ?? []).map(toStudent),
  }));
}

function toStudent([school = '', number = '', score = '', ses = '']: string[]): Student {
  return {
    studentId: `STU_${school}_${number}`,
    name: inventName(Number(school), Number(number)),
    score: Number(score),
    ses: Number(ses),
  };
}

function readInventedClass(): SchoolClass {
  const text = readFileSync(join(dataFolder, 'invented-class.json'), 'utf8');
  return { ...inventedClassSchema.parse(JSON.parse(text)), invented: true };
}

function readRows(file: string): string[][] {
  const [, ...lines] = readFileSync(join(dataFolder, file), 'utf8').trim().split(/\r?\n/);
  return lines.map((line) => line.split(','));
}
