// Starts the school by itself, with the development secrets that Platen also starts with.
import { once } from 'node:events';
import { startSchool } from './school.ts';

const {
  PORT = '3000',
  USER_TOKEN_SECRET = 'platen-development-user-token-secret',
  REPORT_TOKEN_SECRET = 'platen-development-report-token-secret',
  PLATEN_URL,
  PDF_SERVICE_INTERNAL_TOKEN = 'your-token-here',
} = process.env;

await using school = await startSchool({
  port: Number(PORT),
  userTokenSecret: USER_TOKEN_SECRET,
  reportTokenSecret: REPORT_TOKEN_SECRET,
});
if (PLATEN_URL !== undefined) school.connect({ url: PLATEN_URL, serviceToken: PDF_SERVICE_INTERNAL_TOKEN });
console.log(`The school is at ${school.origin}; sign in as STU001, TCH001 or admin, password "school".`);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
