// What the service tells: how far a generation is, a job, and certificates; as docs/http-api.md has it.

export type JobStage =
  | 'initializing'
  | 'template_loading'
  | 'data_validation'
  | 'pdf_generation'
  | 'file_preparation'
  | 'download_ready'
  | 'completed';

export type ProgressStatus = 'pending' | 'in_progress' | 'completed' | 'failed' | 'cancelled' | 'timeout';

export type JobError = {
  code: string;
  detail: string;
  diagnosis?: object;
  /** The time of the whole generation was over, and not only that of one page. */
  isTimeUp?: true;
};

/** One stage of a generation: passed, under way, or to come; the one in which it ended otherwise says how. */
export interface StageProgress {
  stage: JobStage;
  status: ProgressStatus;
  /** 0 to 100, of this stage. */
  progress: number;
  /** Milliseconds spent in it, where it was heard of. */
  duration?: number;
}

/** How far a generation is. */
export interface Progress {
  id: string;
  status: ProgressStatus;
  stage: JobStage;
  /** 0 to 100, of the whole; never goes back. */
  progress: number;
  message: string;
  error?: JobError;
  /** Milliseconds. */
  estimatedTimeRemaining?: number;
  stageProgress: StageProgress[];
  /** What it is about, and what came of it. */
  metadata: Record<string, unknown>;
}

/** The durable record behind a generation. */
export interface JobAnswer {
  id: string;
  state: 'queued' | 'active' | 'completed' | 'failed' | 'cancelled';
  attempts: number;
  stage: JobStage | null;
  percent: number;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  subject: Record<string, unknown>;
  result: Record<string, unknown> | null;
  error: JobError | null;
}

/** A certificate as lists show it. */
export interface CertificateRow {
  id: string;
  student_id: string;
  course_id: string;
  course_name: string;
  number: string;
  status: 'generating' | 'available' | 'error' | 'revoked' | 'replaced';
  score: number | null;
  max_score: number | null;
  generated_at: string | null;
  expires_at: string | null;
  s3_key: string;
  verify_url: string;
  last_error: string | null;
  /** What somebody ought to look at; the certificate stays as it is. */
  findings: 'no_longer_passing'[];
}

/** What a certificate is made of; dates are ISO 8601. */
export interface IssueRequest {
  userId: string;
  courseId: string;
  courseName: string;
  firstName: string;
  middleName?: string | null;
  lastName: string;
  issuanceDate: string;
  expirationDate?: string | null;
  type?: string | null;
  templateId?: string | null;
  language?: string | null;
  score?: number | null;
  maxScore?: number | null;
  email?: string | null;
}

export interface IssuedCertificate {
  /** The signed W3C credential. */
  credential: Record<string, unknown>;
  certificate: { id: string; number: string; verifyUrl: string; downloadUrl: string };
  /** The Open Badge. */
  badge?: Record<string, unknown>;
}

export interface GenerateRequest {
  courseId: string;
  /** A name of your own for it, told in the metadata of its progress. */
  transactionId?: string;
  templateId?: string;
  language?: string;
}

/** What anyone learns who has the code of a certificate. */
export interface Verification {
  status: 'valid' | 'expired' | 'revoked' | 'replaced';
  name: string;
  courseName: string;
  issuedAt: string;
  expiresAt: string | null;
  replacedBy?: string | undefined;
}
