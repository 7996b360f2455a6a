// The variables of who has earned a certificate: attempts and learners; a part of the table in variables.ts.

import { integer, secret, text, url } from './variable-kinds.ts';

const seconds = (fallback: number, meaning: string) => integer(fallback, [1, 604_800], meaning);

export const pipelineVariables = {
  TESTING_SERVICE_URL: url({
    example: 'https://tests.school.example/api',
    meaning: 'Where attempts are fetched, at `/attempts` below it. Without it they are only pushed.',
  }),
  TESTING_SERVICE_TOKEN: secret({ example: 'a random text', meaning: 'Bearer token for that service.' }),
  STATS_WORKER_FETCH_INTERVAL: seconds(60, 'Seconds from one fetch of attempts to the next.'),
  STATS_WORKER_PROCESS_INTERVAL: seconds(15, 'Seconds after which attempts that have come are read at the latest.'),
  STATS_WORKER_GENERATE_INTERVAL: seconds(60, 'Seconds after which those who have passed are certified at the latest.'),
  KEYCLOAK_SERVER_URL: url({
    example: 'https://id.school.example',
    meaning: 'Keycloak that knows the learners, with `/auth` or without. Without it names are those of the attempts.',
  }),
  KEYCLOAK_REALM: text(undefined, { example: 'school', meaning: 'Its realm of the learners.' }),
  KEYCLOAK_ADMIN_USERNAME: text(undefined, {
    example: 'platen',
    meaning: 'Administrator (`admin-cli`, realm `master`) who may view users.',
  }),
  KEYCLOAK_ADMIN_PASSWORD: secret({ example: 'a random text', meaning: 'Their password.' }),
  KEYCLOAK_CLIENT_ID: text(undefined, {
    example: 'platen',
    meaning: 'Client of that realm whose service account may view users, in place of the administrator.',
  }),
  KEYCLOAK_CLIENT_SECRET: secret({ example: 'a random text', meaning: 'Its secret.' }),
  KEYCLOAK_STUDENT_ATTRIBUTE: text(undefined, {
    example: 'studentNumber',
    meaning: "Attribute that holds the student's id. Default: the id of the user itself.",
  }),
};
