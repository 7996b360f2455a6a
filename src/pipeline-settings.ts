// The settings of who has earned a certificate: where attempts are fetched, how often what is done, who knows the learners. Pure.

import type { Values } from './variables.ts';

export const buildAttempts = (values: Values) => ({
  serviceUrl: values.TESTING_SERVICE_URL,
  fetchSeconds: values.STATS_WORKER_FETCH_INTERVAL,
  processSeconds: values.STATS_WORKER_PROCESS_INTERVAL,
  generateSeconds: values.STATS_WORKER_GENERATE_INTERVAL,
});

/** Undefined where there is none; else all of it is there, which is checked before. */
export function buildKeycloak(values: Values) {
  if (values.KEYCLOAK_SERVER_URL === undefined) return undefined;
  return {
    serverUrl: values.KEYCLOAK_SERVER_URL,
    realm: values.KEYCLOAK_REALM ?? '',
    clientId: values.KEYCLOAK_CLIENT_ID,
    username: values.KEYCLOAK_ADMIN_USERNAME,
    studentAttribute: values.KEYCLOAK_STUDENT_ATTRIBUTE,
  };
}

export function buildPlugins(values: Values) {
  return {
    packages: values.PLATEN_PLUGINS,
    origins: values.PLUGIN_ORIGINS,
    timeoutMs: values.PLUGIN_TIMEOUT_SECONDS * 1000,
    openEdx: { url: values.OPENEDX_URL, clientId: values.OPENEDX_CLIENT_ID },
  };
}

/** Its server is a secret. */
export function buildMail(values: Values) {
  if (values.SMTP_URL === undefined || values.MAIL_FROM === undefined) return undefined;
  return { from: values.MAIL_FROM, authorities: values.SMTP_CA_FILE };
}
