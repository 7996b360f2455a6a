// What others are told of: the form of each event, as it is sent, and what is known of one.

import { z } from 'zod';

const text = z.string().min(1);
const reportTypes = ['student', 'teacher', 'overall'] as const;

/** For the platform's tracking: a learner has a certificate of a course. */
const courseStatusUpdated = z
  .strictObject({
    eventType: z.literal('COURSE_STATUS_UPDATED'),
    timestamp: z.iso.datetime(),
    data: z.strictObject({
      userId: text,
      courseId: text,
      courseName: text,
      certificateId: text.meta({ description: 'Id of the credential: `urn:uuid:…`.' }),
      firstName: z.string(),
      lastName: z.string(),
      issuanceDate: text.meta({ description: 'As it was given.' }),
      expirationDate: text.optional().meta({ description: 'As it was given; left out where there is none.' }),
      status: z.literal('viewCertificate'),
      eventType: z.literal('CERTIFICATE_ISSUED'),
    }),
  })
  .meta({ description: 'A certificate has become available.' });

const certificate = {
  certificateId: z.uuid().meta({ description: 'As in `GET /certificates/{studentId}`.' }),
  number: text.meta({ description: 'As it stands on the document.' }),
  userId: text,
  courseId: text,
};

const certificateData = {
  'certificate.issued': z.strictObject({
    ...certificate,
    credentialId: text.meta({ description: '`certificateId` of the event in Kafka.' }),
    issuanceDate: text.meta({ description: 'As it was given.' }),
    expirationDate: text.optional().meta({ description: 'As it was given; left out where there is none.' }),
    verifyUrl: z.url().meta({ description: 'Page on which anyone can verify it.' }),
  }),
  'certificate.revoked': z.strictObject(certificate),
  'certificate.replaced': z.strictObject({
    ...certificate,
    replacedBy: z
      .strictObject({ certificateId: z.uuid(), number: text })
      .meta({ description: 'Which has `certificate.issued` of its own once it is made.' }),
  }),
};

const report = {
  jobId: z.uuid().meta({ description: 'As it was answered with 202, and in `GET /jobs/{id}`.' }),
  classRunId: z.uuid().optional().meta({ description: 'Left out where it is of none.' }),
  reportType: z.enum(reportTypes),
  testId: text,
  classId: text,
  studentId: text.optional().meta({ description: 'Of a report of a student.' }),
  teacherId: text.optional().meta({ description: 'Of a report of a teacher.' }),
  s3Key: text.meta({ description: 'Where the document lies, or would.' }),
};

const counts = z.strictObject({
  completed: z.int().min(0),
  failed: z.int().min(0),
  cancelled: z.int().min(0),
});

const reportData = {
  'report.stored': z.strictObject({
    ...report,
    bytes: z.int().min(1),
    sha256: text.meta({ description: 'Of the document.' }),
  }),
  'report.failed': z.strictObject({
    ...report,
    code: text.meta({ description: 'The error code. More is told by `GET /jobs/{id}`.' }),
  }),
  'class_run.ended': z.strictObject({
    classRunId: z.uuid(),
    classId: text,
    testId: text,
    state: z.enum(['completed', 'failed', 'cancelled']).meta({
      description: '`failed` where one of its reports has failed, else `cancelled` where one was cancelled.',
    }),
    total: z.int().min(1),
    counts,
  }),
};

/** What webhooks are told of each type. */
const webhookData = { ...certificateData, ...reportData } as const;
export type WebhookType = keyof typeof webhookData;
export const webhookTypes = Object.keys(webhookData) as [WebhookType, ...WebhookType[]];
export type WebhookData<Type extends WebhookType> = z.output<(typeof webhookData)[Type]>;

const descriptions: Record<WebhookType, string> = {
  'certificate.issued': 'A certificate has become available.',
  'certificate.revoked': 'A certificate was revoked.',
  'certificate.replaced': 'A certificate was reissued: another takes its place.',
  'report.stored': 'A job has stored a report, or found it stored.',
  'report.failed': 'A job has failed for good: no report was stored by it.',
  'class_run.ended': 'All reports of a class run have ended. It is told again where some were begun again.',
};

const webhookForm = (type: WebhookType) =>
  z
    .strictObject({ type: z.literal(type), timestamp: z.iso.datetime(), data: webhookData[type] as z.ZodType })
    .meta({ description: descriptions[type] });

export const kinds = ['kafka', 'webhook', 'mail'] as const;
export type Kind = (typeof kinds)[number];
/** Those that others have to understand. */
type PublishedKind = Exclude<Kind, 'mail'>;

/** The very forms that are published, by whom they are for and by the type under which they are stored. */
export const eventSchemas: Record<PublishedKind, Partial<Record<string, z.ZodType>>> = {
  kafka: { 'certificate.issued': courseStatusUpdated },
  webhook: Object.fromEntries(webhookTypes.map((type) => [type, webhookForm(type)])),
};

/** Why an event must not be sent; undefined for one that is as it should be. */
export function faultOf(kind: PublishedKind, { type, body }: Pick<WaitingEvent, 'type' | 'body'>): string | undefined {
  const schema = Object.hasOwn(eventSchemas[kind], type) ? eventSchemas[kind][type] : undefined;
  if (schema === undefined) return `nothing is known of events of type ${type}`;
  try {
    const { error } = schema.safeParse(JSON.parse(body));
    return error === undefined ? undefined : `it does not fit its schema: ${error.issues[0]?.path.join('.')}`;
  } catch {
    return 'it is no JSON';
  }
}

export interface CertificateIssued {
  /** Prefix of the tenant's keys. */
  tenant: string;
  certificateId: string;
  number: string;
  userId: string;
  courseId: string;
  courseName: string;
  credentialId: string;
  firstName: string;
  lastName: string;
  /** As they were given. */
  issuanceDate: string;
  expirationDate: string | undefined;
  verifyUrl: string;
  /** To whom it is mailed; undefined where nobody is to be told, or nobody knows where. */
  mail?: CertificateMail | undefined;
}

export interface CertificateMail {
  address: string;
  language: string;
  /** Of the learner, as it is written. */
  name: string;
  /** Whether a mail is sent at once. */
  isAnnounced: boolean;
  /** When a mail is sent that it expires; undefined: never. */
  remindAt: Date | undefined;
}

export type MailType = 'certificate.issued' | 'certificate.expires';

/** What the code of a mail's link opens. */
export interface MailLink {
  certificateId: string;
  /** Whether it was taken away, or was given out too long ago. */
  isOver: boolean;
}

/** What only webhooks are told. */
export interface WebhookEvent<Type extends WebhookType = WebhookType> {
  type: Type;
  /** Prefix of the keys of the tenant whom it is about. */
  tenant: string;
  /** What it is about. */
  key: string;
  data: WebhookData<Type>;
}

/** One that waits. */
export interface WaitingEvent {
  seq: string;
  id: string;
  type: string;
  key: string;
  body: string;
  attempts: number;
  /** Since it was written. */
  ageSeconds: number;
}

/** Where events of Kafka go. */
export interface Sender extends AsyncDisposable {
  /** Resolves when all of them are taken, in their order. @throws {RefusedEvent} for one that will never be taken; anything else when nothing is. */
  send(events: readonly WaitingEvent[]): Promise<void>;
}

/** It is the event's own fault that it was not taken, and will not be. */
export class RefusedEvent extends Error {}
