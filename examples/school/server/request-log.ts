// Remembers the most recent requests for tests to look at: method, path and status, never a query or a token.
import type { RequestHandler } from 'express';

export interface RecordedRequest {
  method: string;
  path: string;
  status: number;
}

export interface RequestLog {
  requests: RecordedRequest[];
  record: RequestHandler;
}

export function createRequestLog(limit = 1000): RequestLog {
  const requests: RecordedRequest[] = [];
  return {
    requests,
    record(request, response, next) {
      const { method, path } = request;
      response.once('close', () => {
        requests.push({ method, path, status: response.statusCode });
        if (requests.length > limit) requests.shift();
      });
      next();
    },
  };
}
