// Where a learner stands: in keys of the storage, in what others are told, in attempts as they came. Pure.

export interface Person {
  /** Prefix of the keys of the tenant. */
  tenant: string;
  /** Its origin. */
  origin: string;
  studentId: string;
}

/** In the place of the id of the learner of a certificate that was erased. */
export const pseudonymOf = (certificateId: string): string => `erased-${certificateId}`;

/** Beginning of the keys of the tenant. */
export const prefixOf = ({ tenant }: Pick<Person, 'tenant'>): string => (tenant === '' ? '' : `${tenant}/`);

export function isCertificateKey(person: Person, key: string): boolean {
  return key.startsWith(`${prefixOf(person)}certificates/`) && key.split('/').at(-2) === person.studentId;
}

export function isReportKey(person: Person, key: string): boolean {
  return key.startsWith(`${prefixOf(person)}reports/`) && key.endsWith(`/students/${person.studentId}.pdf`);
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Whether an event tells of them: that of a certificate names its `userId`, that of a report its `studentId`. */
export function isToldOf({ studentId }: Person, body: string): boolean {
  const { data } = parse(body) as { data?: { userId?: unknown; studentId?: unknown } | null };
  return data?.userId === studentId || data?.studentId === studentId;
}

/** Whether an item of the testing service, which may not be readable as an attempt, is theirs. */
export const isAttemptOf = ({ studentId }: Person, raw: string): boolean =>
  String(parse(raw).studentId ?? '').trim() === studentId;
