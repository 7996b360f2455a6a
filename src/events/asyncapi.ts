// All events as an AsyncAPI document: made from the very schemas by which they are checked before they are sent.

import { z } from 'zod';
import { eventSchemas, webhookTypes } from './contract.ts';

type Schema = Record<string, unknown>;

const jsonSchema = (schema: z.ZodType | undefined): Schema => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema ?? z.never(), { target: 'draft-7' });
  return rest;
};

const nameOf = (type: string) => type.replaceAll(/(?:^|[._])(\w)/g, (_match, letter: string) => letter.toUpperCase());

const reference = (path: string) => ({ $ref: `#/${path}` });

const textHeaders = (headers: Record<string, string>): Schema => ({
  type: 'object',
  required: Object.keys(headers),
  properties: Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { type: 'string', description }]),
  ),
});

const kafkaHeaders = textHeaders({ 'event-id': 'The same however often the event is sent.' });
const webhookHeaders = textHeaders({
  'webhook-id': 'The same however often it is called with this event.',
  'webhook-timestamp': 'Of the call, in seconds since 1970.',
  'webhook-signature': '`v1,` and HMAC-SHA256, in base64, of id, timestamp and body with dots between.',
});

const course = 'CourseStatusUpdated';
const names = webhookTypes.map(nameOf);

const courseMessage = {
  name: 'COURSE_STATUS_UPDATED',
  summary: eventSchemas.kafka['certificate.issued']?.description,
  headers: kafkaHeaders,
  payload: reference(`components/schemas/${course}`),
  bindings: { kafka: { key: { type: 'string', description: 'The `courseId`.' } } },
};

const webhookMessage = (type: string) => ({
  name: type,
  summary: eventSchemas.webhook[type]?.description,
  headers: webhookHeaders,
  payload: reference(`components/schemas/${nameOf(type)}`),
});

/** @param topic of Kafka. */
function channelsOf(topic: string) {
  return {
    kafka: {
      address: topic,
      title: 'Kafka',
      description: 'Events of one key come in their order.',
      messages: { [course]: reference(`components/messages/${course}`) },
    },
    webhooks: {
      address: null,
      title: 'Webhooks',
      description: 'POST to the URL of each `POST /internal/webhooks`, in any order.',
      messages: Object.fromEntries(names.map((name) => [name, reference(`components/messages/${name}`)])),
    },
  };
}

const operations = {
  publish: {
    action: 'send',
    channel: reference('channels/kafka'),
    messages: [reference(`channels/kafka/messages/${course}`)],
  },
  callWebhook: {
    action: 'send',
    channel: reference('channels/webhooks'),
    messages: names.map((name) => reference(`channels/webhooks/messages/${name}`)),
    bindings: { http: { method: 'POST' } },
  },
};

/** @param topic that of Kafka. */
export function createAsyncApiDocument({ topic, version }: { topic: string; version: string }) {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Platen: events',
      version,
      description: 'Each is told once or more: whoever hears one twice knows it by its id. See docs/events.md.',
    },
    defaultContentType: 'application/json',
    channels: channelsOf(topic),
    operations,
    components: {
      messages: {
        [course]: courseMessage,
        ...Object.fromEntries(webhookTypes.map((type) => [nameOf(type), webhookMessage(type)])),
      },
      schemas: {
        [course]: jsonSchema(eventSchemas.kafka['certificate.issued']),
        ...Object.fromEntries(webhookTypes.map((type) => [nameOf(type), jsonSchema(eventSchemas.webhook[type])])),
      },
    },
  };
}
