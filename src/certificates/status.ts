// The states of a certificate, and what may follow each.

export const certificateStatuses = ['generating', 'available', 'error', 'revoked', 'replaced'] as const;
export type CertificateStatus = (typeof certificateStatuses)[number];

/** A record is `generating` from its first moment; making it ends well or not, and what ended badly is tried again. */
const whatFollows: Readonly<Record<CertificateStatus, readonly CertificateStatus[]>> = {
  generating: ['available', 'error', 'revoked'],
  error: ['available', 'error', 'revoked'],
  available: ['revoked', 'replaced'],
  revoked: ['replaced'],
  replaced: [],
};

/** Whether one in this state may come into the other. */
export const mayBecome = (status: CertificateStatus, next: CertificateStatus): boolean =>
  whatFollows[status].includes(next);

/** Whether the document is still to be made. */
export const isUnmade = (status: CertificateStatus): boolean => mayBecome(status, 'available');
