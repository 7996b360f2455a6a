// The variables of plug-ins; a part of the table in variables.ts.

import { readOrigin } from './origin.ts';
import { integer, list } from './variable-kinds.ts';

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
};
