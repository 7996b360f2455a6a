// The variables of plug-ins; a part of the table in variables.ts.

import { readOrigin } from './origin.ts';
import { integer, list, secret, text, url } from './variable-kinds.ts';

export const pluginVariables = {
  PLATEN_PLUGINS: list((item) => item, {
    rule: 'names of npm packages, or paths',
    example: 'school-attendance,/opt/platen/overlay',
    meaning: 'Plug-ins: packages that find out who has earned a certificate, or make its PDF.',
  }),
  PLUGIN_ORIGINS: list(readOrigin, {
    rule: 'origins, each scheme://host with its port where it has one',
    example: 'https://lms.school.example',
    meaning: 'What the `fetch` of plug-ins reaches; nothing else.',
  }),
  PLUGIN_TIMEOUT_SECONDS: integer(
    300,
    [1, 86_400],
    'Time that a plug-in may take for all its decisions of one run, or for one certificate.',
  ),
  OPENEDX_URL: url({
    example: 'https://lms.school.example',
    meaning: 'LMS of an Open edX, which the retrievers for it ask. Set with the two others, or not at all.',
  }),
  OPENEDX_CLIENT_ID: text(undefined, {
    example: 'platen',
    meaning: 'Its OAuth client with client credentials, whose user is staff of the courses.',
  }),
  OPENEDX_CLIENT_SECRET: secret({ example: 'a random text', meaning: 'The secret of that client.' }),
};
