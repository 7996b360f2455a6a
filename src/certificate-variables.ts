// The variables of certificates and of the events that tell of them; a part of the table in variables.ts.

import type { KeyObject } from 'node:crypto';
import { readCredentialKeys } from './credential-key.ts';
import { flag, integer, list, text, url, type Variable } from './variable-kinds.ts';

function parseBroker(item: string): string | undefined {
  const [, host = '', port = ''] = /^([^\s:/@]+|\[[0-9a-f:]+\]):(\d{1,5})$/i.exec(item) ?? [];
  return host !== '' && Number(port) > 0 && Number(port) < 65_536 ? item : undefined;
}

const parseHost = (item: string): string | undefined =>
  /^([a-z0-9_.-]+|[0-9a-f]*:[0-9a-f:.]+)$/i.test(item) ? item.toLowerCase() : undefined;

const numberPattern: Variable<string> = {
  parse: (value) =>
    /^[A-Za-z0-9 ./_-]*(\{(year|number(:[1-9]\d?)?)\}[A-Za-z0-9 ./_-]*)+$/.test(value) &&
    /\{number/.test(value) &&
    value.length <= 60
      ? value
      : undefined,
  fallback: '{year}-{number:6}',
  rule: 'letters, digits, blanks and . / _ - with {number} or {number:width}, and {year} where numbers begin anew each year',
  example: 'CERT/{year}/{number:5}',
  meaning:
    'Numbers of certificates. Where they name their {year} they are counted from 1 in each, else once and for all.',
};

export const certificateVariables = {
  PUBLIC_URL: url({
    example: 'https://pdf.school.example',
    meaning: 'Where links, QR codes and the issuer of credentials lead. Default: `http://localhost:8080`.',
  }),
  ISSUER_NAME: text(undefined, {
    example: 'Example School',
    meaning: 'Who issues certificates, as it stands on them. Default: the host of PUBLIC_URL.',
  }),
  CERTIFICATE_NUMBER_PATTERN: numberPattern,
  TEMPLATES_DIR: text(undefined, {
    example: '/etc/platen/templates',
    meaning: 'Folder with further templates, one folder each.',
  }),
  IMAGES_PREFIX: {
    parse: (value) =>
      /^([A-Za-z0-9_-][A-Za-z0-9._-]*\/)+$/.test(value) && !/^(reports|certificates|assets)\//.test(value)
        ? value
        : undefined,
    fallback: 'images/',
    rule: 'folders, each with a slash after it, the first of them not reports, certificates or assets',
    example: 'images/python/',
    meaning: 'Prefix of the keys of logo, signature and backgrounds, behind that of the tenant.',
  } satisfies Variable<string>,
  CREDENTIAL_KEY: {
    parse: readCredentialKeys,
    fallback: undefined as [KeyObject, ...KeyObject[]] | undefined,
    rule: 'an Ed25519 key as PKCS#8, in base64 or as the path of a file; after it, with commas between, those that signed before',
    example: '/run/secrets/credential-key.pem',
    meaning:
      'Key that signs credentials, and after it those that did before, whose credentials stay genuine. Certificates need it in production; else one is made in DATA_DIR.',
    isSecret: true,
  },
  SUNBIRD_RC_IDENTITY_URL: url({
    example: 'https://registry.example/identity',
    meaning:
      'Where a Sunbird RC registry makes the DIDs of learners. Set with its four others, the registry issues the credentials.',
  }),
  SUNBIRD_RC_CREDENTIALS_URL: url({
    example: 'https://registry.example/credential',
    meaning: 'Where that registry issues credentials.',
  }),
  SUNBIRD_RC_ISSUER_DID: text(undefined, { example: 'did:upai:abc', meaning: 'As whom that registry issues them.' }),
  SUNBIRD_RC_SCHEMA_ID: text(undefined, {
    example: 'did:schema:abc',
    meaning: 'Schema of that registry for certificates.',
  }),
  SUNBIRD_RC_SCHEMA_VERSION: text(undefined, { example: '1.0.0', meaning: 'Its version.' }),
  kafkaEnabled: flag(false, 'Whether events are sent to Kafka.'),
  KAFKA_BROKERS: list(parseBroker, {
    rule: 'brokers, each host:port',
    example: 'kafka-1:9092 kafka-2:9092',
    meaning: 'Brokers to begin with. Default: `localhost:9092`.',
  }),
  KAFKA_CLIENT_ID: text('tracking-service', {
    example: 'platen',
    meaning: 'Name under which Kafka knows this service.',
  }),
  KAFKA_TOPIC: text('user-topic', {
    example: 'certificates',
    meaning: 'Topic of the events; made when it is missing.',
  }),
  WEBHOOK_HOSTS: list(parseHost, {
    rule: 'names or addresses of hosts, without ports',
    example: 'backend.internal 10.0.0.7',
    meaning: 'Hosts that webhooks may call although they lead inside, and without TLS.',
  }),
  EVENT_HISTORY_DAYS: integer(90, [1, 3650], 'Days for which events that were sent are kept, and can be replayed.'),
  EVENT_MAX_ATTEMPTS: integer(10, [1, 1000], 'Attempts after which an event that Kafka refuses is set aside.'),
};
