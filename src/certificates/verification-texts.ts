// What the verification page says, whatever its language.

import type { FileCheck, Verification } from './contract.ts';

export interface VerificationTexts {
  /** Of the language, as its readers call it. */
  language: string;
  title: string;
  headings: Record<Verification['status'], string>;
  explanations: Record<Verification['status'], string>;
  issuedTo: string;
  course: string;
  issuedBy: string;
  issuedOn: string;
  expiresOn: string;
  neverExpires: string;
  number: string;
  seeSuccessor: string;
  share: string;
  linkedIn: string;
  languages: string;
  compare: string;
  notFoundHeading: string;
  notFoundText: string;
  /** Of the page without a code. */
  start: string;
  /** Of a file that is known, where something beside its standing is wrong. */
  unconfirmed: Notice;
  file: {
    label: string;
    hint: string;
    action: string;
    notices: Record<FileNotice, Notice>;
    checksHeading: string;
    checks: Record<FileCheck['name'], string>;
    passed: string;
    failed: string;
  };
}

interface Notice {
  heading: string;
  text: string;
}

/** What keeps a file from being told more of. */
export type FileNotice = 'unknown' | 'pdf_unreadable' | 'pdf_encrypted' | 'body_too_large' | 'malformed_request';
