// Certificates of a school that has its own authority; authority/README.md says what each is and how it was made.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const read = (name: string) => readFileSync(new URL(`authority/${name}`, import.meta.url), 'utf8');

/** The certificate of an authority, in PEM form. */
export const authorityOf = (name: 'school' | 'stranger') => read(`${name}.pem`);

/** The school's, for BROWSER_CA_FILE. */
export const authorityFile = fileURLToPath(new URL('authority/school.pem', import.meta.url));

export type ServerName = 'good' | 'expired' | 'misnamed' | 'strange';

/** What a server of that certificate is started with. */
export const serverOf = (name: ServerName) => ({
  key: read('server.key'),
  cert: read(`${name}.pem`),
});
