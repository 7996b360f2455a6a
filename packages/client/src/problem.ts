// What went wrong, as whoever uses the client is told it.

export class PlatenError extends Error {
  /** As docs/errors.md lists them; or `unreachable`, `malformed_answer`. */
  readonly code: string;
  /** HTTP status, where there was an answer. */
  readonly status: number | undefined;
  /** After which trying again may help. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: string, message: string, about: { status?: number; retryAfterSeconds?: number | undefined } = {}) {
    super(`${code}: ${message}`);
    this.name = 'PlatenError';
    this.code = code;
    this.status = about.status;
    this.retryAfterSeconds = about.retryAfterSeconds;
  }
}

/** Seconds, from a number of them or from a date. */
function readRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/** The error for an answer that refuses; takes its body. */
export async function readProblem(response: Response): Promise<PlatenError> {
  const { status, headers } = response;
  const retryAfterSeconds = readRetryAfter(headers.get('Retry-After'));
  const problem = (await response.json().catch(() => ({}))) as { code?: unknown; detail?: unknown };
  const code = typeof problem.code === 'string' ? problem.code : `http_${status}`;
  const message = typeof problem.detail === 'string' ? problem.detail : `The answer was ${status}.`;
  return new PlatenError(code, message, { status, retryAfterSeconds });
}
