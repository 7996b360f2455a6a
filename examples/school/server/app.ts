// The application: headers, request record, API, pages, and the one place that turns an error into an answer.
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Records } from '../figures/records.ts';
import { computeSurvey } from '../figures/survey.ts';
import { createAssets } from './assets.ts';
import { createAttemptRoutes, type TestingService } from './attempt-routes.ts';
import { createCertificateRoutes, type Platen } from './certificate-routes.ts';
import { Refusal } from './refusal.ts';
import { createReportRoutes } from './report-routes.ts';
import type { RequestLog } from './request-log.ts';
import { createSessionRoutes } from './session-routes.ts';
import type { Tokens } from './tokens.ts';

const createHeaders = (platen: () => Platen | undefined) =>
  helmet({
    // Off because the school speaks plain HTTP on localhost; behind TLS both belong on.
    strictTransportSecurity: false,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        connectSrc: ["'self'", () => platen()?.url ?? "'self'"],
        // The chart library sets styles on the elements that it draws.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
  });

interface Dependencies {
  records: Records;
  tokens: Tokens;
  requestLog: RequestLog;
  /** Undefined while the school has none: then there are no certificates. */
  platen: () => Platen | undefined;
  testing?: TestingService | undefined;
}

export function createApp({ records, tokens, requestLog, platen, testing }: Dependencies): Express {
  const survey = computeSurvey(records);
  const app = express();
  app.use(requestLog.record, createHeaders(platen));
  app.use('/api', forbidCaching);
  app.use('/api', createSessionRoutes(records, tokens));
  app.use('/api/classes/:classId/tests/:testId', createReportRoutes(records, survey, tokens));
  app.use('/api/certificates', createCertificateRoutes({ records, tokens, platen }));
  if (testing !== undefined) app.use('/testing', createAttemptRoutes(testing));
  app.use(createAssets());
  app.use(refuseUnknownPath, answerError);
  return app;
}

const forbidCaching: RequestHandler = (_request, response, next) => {
  response.set('Cache-Control', 'no-store');
  next();
};

const refuseUnknownPath: RequestHandler = () => {
  throw new Refusal(404, 'not_found');
};

const answerError: ErrorRequestHandler = (error, _request, response, _next) => {
  const refusal = error instanceof Refusal ? error : toRefusal(error);
  if (refusal.status === 401) response.set('WWW-Authenticate', 'Bearer');
  response.status(refusal.status).json({ error: refusal.code });
};

/** Express marks what the client got wrong, such as a body that is no JSON, with a 4xx status. */
function toRefusal(error: { status?: number }): Refusal {
  const status = error.status ?? 500;
  if (status >= 400 && status < 500) return new Refusal(status, 'bad_request', { cause: error });
  console.error(error);
  return new Refusal(500, 'internal_error', { cause: error });
}
