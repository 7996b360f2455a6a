// The wire form of certificates: what a request may hold, and what is answered.

import { z } from 'zod';
import type { Queries } from '../database/database.ts';
import { countLetters, isPlainText, mostNameLetters } from '../letters.ts';
import { isId, readInstant } from './certificate.ts';
import { type CertificateStatus, certificateStatuses } from './status.ts';

export const idText = z
  .string()
  .refine(isId, { error: 'must be 1 to 100 letters, digits or . _ : + @ -, beginning with a letter or digit' });

const plainText = z
  .string()
  .refine(isPlainText, { error: 'must be plain text, without control characters or marks that turn letters around' });

export const nameText = plainText
  .max(mostNameLetters * 10)
  .refine((text) => countLetters(text) <= mostNameLetters, { error: `must have at most ${mostNameLetters} letters` });

const date = z
  .string()
  .max(40)
  .refine((text) => readInstant(text) !== undefined, {
    error: 'must be a date of the calendar, as ISO 8601 writes it',
  });

const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** What there is to certify. */
const certificateTypes = new Set(['course-completion']);

const issueFields = z.strictObject({
  userId: idText,
  courseId: idText,
  courseName: nameText.refine((text) => text.trim() !== '', { error: 'must not be empty' }),
  firstName: nameText,
  middleName: optional(nameText),
  lastName: nameText,
  issuanceDate: date,
  expirationDate: optional(date),
  type: optional(idText.refine((type) => certificateTypes.has(type), { error: 'is no type of certificate' })),
  templateId: optional(idText),
  language: optional(plainText.max(35)),
  score: optional(z.number().min(0).max(1e9)),
  maxScore: optional(z.number().positive().max(1e9)),
  email: optional(z.email().max(254)),
});

export const issueBody = issueFields.superRefine(({ issuanceDate, expirationDate, score, maxScore }, context) => {
  const issued = readInstant(issuanceDate);
  const expires = expirationDate === undefined ? undefined : readInstant(expirationDate);
  if (issued !== undefined && expires !== undefined && expires <= issued)
    context.addIssue({ code: 'custom', path: ['expirationDate'], message: 'must be after issuanceDate' });
  if (score !== undefined && maxScore !== undefined && score > maxScore)
    context.addIssue({ code: 'custom', path: ['score'], message: 'must not be above maxScore' });
});
export type IssueBody = z.output<typeof issueBody>;

export const issueAnswer = z.object({
  success: z.literal(true),
  statusCode: z.literal(200),
  message: z.literal('Credential issued successfully'),
  data: z.object({
    credential: z.looseObject({ id: z.string() }),
    certificate: z.object({ id: z.string(), number: z.string(), verifyUrl: z.string(), downloadUrl: z.string() }),
    badge: z.looseObject({ id: z.string() }).optional(),
  }),
});
export type IssueAnswer = z.output<typeof issueAnswer>;

/** What somebody ought to look at; the certificate stays as it is until they have decided. */
export const findings = ['no_longer_passing'] as const;
export type Finding = (typeof findings)[number];

/** A certificate as a list shows it; dates as they were given, or as ISO 8601. */
export const certificateRow = z.object({
  id: z.string(),
  student_id: z.string(),
  course_id: z.string(),
  course_name: z.string(),
  number: z.string(),
  status: z.enum(certificateStatuses),
  score: z.number().nullable(),
  max_score: z.number().nullable(),
  generated_at: z.string().nullable(),
  expires_at: z.string().nullable(),
  s3_key: z.string(),
  verify_url: z.string(),
  last_error: z.string().nullable(),
  findings: z.array(z.enum(findings)),
});
export type CertificateRow = z.output<typeof certificateRow>;

export const generateBody = z.strictObject({
  courseId: idText,
  transactionId: optional(idText).meta({
    description: 'A name of your own for it, told in the `metadata` of its progress.',
  }),
  templateId: optional(idText),
  language: optional(plainText.max(35)),
});
export type GenerateBody = z.output<typeof generateBody>;

const mostReason = 1000;

const reason = plainText.max(mostReason).refine((text) => text.trim() !== '', { error: 'must not be empty' });

export const revokeBody = z.strictObject({ reason });
export type RevokeBody = z.output<typeof revokeBody>;

/** What is not named stays as it was; null takes away what may be left out. */
export const reissueBody = issueFields.omit({ userId: true, courseId: true, type: true }).partial().extend({ reason });
export type ReissueBody = z.output<typeof reissueBody>;

/** What anyone learns who has the code of a certificate. */
export const verification = z.object({
  status: z.enum(['valid', 'expired', 'revoked', 'replaced']),
  name: z.string(),
  courseName: z.string(),
  issuedAt: z.string(),
  expiresAt: z.string().nullable(),
  /** Address of the page of the certificate that took its place. */
  replacedBy: z.string().optional(),
});
export type Verification = z.output<typeof verification>;

/** What is looked at, of a file. */
export const fileCheckNames = ['known_file', 'credential', 'status', 'expiry', 'consistent'] as const;

export const fileCheck = z.object({ name: z.enum(fileCheckNames), passed: z.boolean(), detail: z.string() });
export type FileCheck = z.output<typeof fileCheck>;

/** What is known of a file; one that is not known has no further checks. */
export const fileVerification = z.object({
  /** Whether all checks have passed: an expired or revoked one is genuine, and not valid. */
  valid: z.boolean(),
  checks: z.array(fileCheck),
});
export type FileVerification = z.output<typeof fileVerification>;

/** What a run gives: certificates of one type for one course. */
export interface Award {
  tenant: string;
  courseId: string;
  type: string;
  runId: string;
}

export interface AwardInput extends Omit<z.input<typeof issueBody>, 'courseId' | 'type' | 'templateId' | 'language'> {
  language?: string | undefined;
  /** The plug-in that makes the PDF. */
  generator: { name: string; options: Record<string, unknown> };
  /** Whether a mail is sent to the learner, where an address is known. */
  mail?: boolean | undefined;
  /** For one before it expires. */
  remindDaysBefore?: number | undefined;
}

/** Of whom it is asked whether they have one. */
export interface Held {
  studentId: string;
  courseId: string;
}

export interface Awarded {
  certificateId: string;
  /** By this very run. */
  isIssued: boolean;
}

/** Where the document of a certificate is. */
export interface CertificateDocument {
  id: string;
  number: string;
  status: CertificateStatus;
  key: string;
  /** Null until there is a document. */
  sha256: string | null;
}

export interface Awards {
  /** Of these learners those who have such a certificate; one whose making has failed is none, nor is one that this very run has not made yet. */
  holders(award: Omit<Award, 'courseId'>, asked: readonly Held[]): Promise<(Held & Awarded)[]>;
  /**
   * Gives a learner the certificate, unless there is one whatever it was issued with; one whose making has failed is made. Asked again for the same run it says the same.
   * @throws what keeps it from being made.
   */
  award(award: Award, input: AwardInput, signal: AbortSignal): Promise<Awarded>;
  /** Says, in the caller's transaction, whether something is to be looked at about one; it stays as it is. */
  noteFinding(tx: Queries, id: string, finding: { name: Finding; isSo: boolean }): Promise<void>;
  /** Of these certificates those of the tenant, by their ids. */
  documents(tenant: string, ids: readonly string[]): Promise<Map<string, CertificateDocument>>;
}
