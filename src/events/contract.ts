// What others are told of: the form of each event, as it is sent.

import { z } from 'zod';

const text = z.string().min(1);

/** For the platform's tracking: a learner has a certificate of a course. */
export const courseStatusUpdated = z.strictObject({
  eventType: z.literal('COURSE_STATUS_UPDATED'),
  timestamp: z.iso.datetime(),
  data: z.strictObject({
    userId: text,
    courseId: text,
    courseName: text,
    /** Of the credential: `urn:uuid:…`. */
    certificateId: text,
    firstName: text,
    lastName: text,
    issuanceDate: text,
    expirationDate: text.optional(),
    status: z.literal('viewCertificate'),
    eventType: z.literal('CERTIFICATE_ISSUED'),
  }),
});

export interface CertificateIssued {
  userId: string;
  courseId: string;
  courseName: string;
  /** Of the credential. */
  credentialId: string;
  firstName: string;
  lastName: string;
  /** As they were given. */
  issuanceDate: string;
  expirationDate: string | undefined;
}

/** By the type under which it is stored. */
export const eventSchemas = { 'certificate.issued': courseStatusUpdated } as const;
export type EventType = keyof typeof eventSchemas;

/** One that waits. */
export interface WaitingEvent {
  seq: string;
  id: string;
  type: string;
  key: string;
  body: string;
  attempts: number;
}

/** Where events go. */
export interface Sender extends AsyncDisposable {
  /** Resolves when all of them are taken, in their order. @throws {RefusedEvent} for one that will never be taken; anything else when nothing is. */
  send(events: readonly WaitingEvent[]): Promise<void>;
}

/** It is the event's own fault that it was not taken. */
export class RefusedEvent extends Error {}
