// Issues certificates as a backend does, and verifies one as anybody may.

import type { Student } from './demo-class.ts';

/** Of the example school's test. */
export const maxScore = 25;
export const passingScore = 12.5;
/** Asked for at once. */
const width = 4;
/** Those that templates have texts for. */
const languages = ['en', 'ta', 'hi', 'ar'];

export interface IssuedCertificate {
  id: string;
  number: string;
  verifyUrl: string;
  downloadUrl: string;
}

/** Sends a request and gives what came; throws what says why not. */
type Send = (path: string, body: object) => Promise<unknown>;

async function issueOne({ studentId, name, score }: Student, send: Send): Promise<IssuedCertificate> {
  const [firstName = '', ...others] = name.text.split(' ');
  const body = {
    userId: studentId,
    courseId: 'MATH1',
    courseName: 'Mathematics I',
    firstName,
    lastName: others.join(' '),
    issuanceDate: new Date().toISOString().slice(0, 10),
    language: languages.includes(name.lang) ? name.lang : 'en',
    score: Math.round(score * 10) / 10,
    maxScore,
  };
  const { data } = (await send('/certificate/issue', body)) as { data: { certificate: IssuedCertificate } };
  return data.certificate;
}

/** One for each student, some at a time, in their order. */
export async function issueCertificates(students: readonly Student[], send: Send): Promise<IssuedCertificate[]> {
  const issued: IssuedCertificate[] = [];
  const waiting = students.entries();
  const workers = Array.from({ length: width }, async () => {
    for (const [index, student] of waiting) issued[index] = await issueOne(student, send);
  });
  await Promise.all(workers);
  return issued;
}

interface Verdict {
  valid: boolean;
  checks: { name: string; passed: boolean; detail: string }[];
}

/** Asks what a file is worth. */
export async function verifyFile(url: string, file: Buffer): Promise<Verdict> {
  const request = { method: 'POST', headers: { 'content-type': 'application/pdf' }, body: file as BodyInit };
  const response = await fetch(`${url}/verify`, request);
  if (!response.ok) throw new Error(`/verify answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Verdict;
}
