// The value of a report: kinds, ids, key, page address, file name. Pure.

/** One test in its three spellings. */
export interface Test {
  /** In keys and file names: `Test_5`, `overall`, or as given. */
  segment: string;
  /** In the educator's pages: `Test 5`, `0`, or as given. */
  page: string;
  /** In the self pages: `5`, `0`, or as given. */
  selfPage: string;
}

export type Report =
  | { type: 'student'; studentId: string; test: Test; classId: string | undefined }
  | { type: 'teacher'; teacherId: string; test: Test; classId: string | undefined }
  | { type: 'overall'; test: Test; classId: string | undefined };

export interface PagePatterns {
  student: string;
  studentSelf: string;
  teacher: string;
  class: string;
}

const longest = 100;

/** Whether this can be the id of a student, teacher or class. */
export function isId(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$/.test(text) && !text.includes('..');
}

/** The test that `text` names, or undefined when it can't name one. */
export function parseTest(text: string): Test | undefined {
  if (text.length > longest) return undefined;
  if (/^(overall|0)$/i.test(text)) return { segment: 'overall', page: '0', selfPage: '0' };
  const number = /^(?:Test[ _])?([1-9][0-9]*)$/.exec(text)?.[1];
  if (number !== undefined) return { segment: `Test_${number}`, page: `Test ${number}`, selfPage: number };
  return isId(text) ? { segment: text, page: text, selfPage: text } : undefined;
}

/** Whom the report is about: the id that a page names in `pdf-subject`. */
export function subjectOf(report: Report): string | undefined {
  if (report.type === 'student') return report.studentId;
  return report.type === 'teacher' ? report.teacherId : report.classId;
}

/** First part of all keys of a class, with a slash at the end. */
export function classPrefix(tenantPrefix: string, classId: string): string {
  return `${tenantPrefix === '' ? '' : `${tenantPrefix}/`}reports/${classId}/`;
}

/** The key under which the report's PDF lies; undefined while its class is unknown. */
export function reportKey(tenantPrefix: string, report: Report): string | undefined {
  const { classId } = report;
  return classId === undefined ? undefined : keyOf(tenantPrefix, { ...report, classId });
}

/** The key of a report whose class is known. */
export function keyOf(tenantPrefix: string, report: Report & { classId: string }): string {
  const folder = `${classPrefix(tenantPrefix, report.classId)}${report.test.segment}/`;
  if (report.type === 'student') return `${folder}students/${report.studentId}.pdf`;
  return folder + (report.type === 'teacher' ? `teacher_${report.teacherId}.pdf` : 'overall.pdf');
}

/** Whether the record of a stored report says what its key says; of the tenant it says nothing. */
export function isRecordOf(
  key: string,
  record: { classId: string; test: string; type: string; subject: string },
): boolean {
  const { classId, type, subject } = record;
  const common = { classId, test: { segment: record.test, page: '', selfPage: '' } };
  const report =
    type === 'student'
      ? { type, studentId: subject, ...common }
      : type === 'teacher'
        ? { type, teacherId: subject, ...common }
        : type === 'overall' && subject === classId
          ? { type, ...common }
          : undefined;
  const path = report === undefined ? undefined : keyOf('', report as Report & { classId: string });
  return path !== undefined && (key === path || key.endsWith(`/${path}`));
}

function fill(pattern: string, values: Record<string, string>): string {
  return pattern.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name] ?? ''));
}

/** The educator's page of a report, or the teacher's own. */
export function pagePath(report: Report, pages: PagePatterns, educatorId?: string): string {
  if (report.type === 'teacher') return fill(pages.teacher, { testId: report.test.selfPage });
  if (report.type === 'overall') return fill(pages.class, { studentId: 'overall', testId: report.test.page });
  const path = fill(pages.student, { studentId: report.studentId, testId: report.test.page });
  if (educatorId === undefined) return path;
  return `${path}${path.includes('?') ? '&' : '?'}educatorId=${encodeURIComponent(educatorId)}`;
}

/** The student's own page of the report. */
export function selfPagePath(report: Report, pages: PagePatterns): string {
  return fill(pages.studentSelf, { studentId: subjectOf(report) ?? '', testId: report.test.selfPage });
}

/** Name under which a person saves the report. */
export function fileName(report: Report): string {
  const { segment } = report.test;
  if (report.type === 'student') return `report_${report.studentId}_${segment}.pdf`;
  if (report.type === 'teacher') return `report_teacher_${report.teacherId}_${segment}.pdf`;
  return `report_${report.classId ?? 'class'}_${segment}.pdf`;
}
