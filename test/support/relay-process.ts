// A process of its own that sends the events of a database to Kafka, until it is ended: the database, the broker, the topic and the seconds of its lease are its arguments.

import { openDatabase } from '../../src/database/database.ts';
import { createEvents } from '../../src/events/events.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createSealing } from '../../src/sealing.ts';

const [url = '', broker = '', topic = '', leaseSeconds = ''] = process.argv.slice(2);
const events = createEvents({
  database: openDatabase({ url, dataDir: '' }),
  metrics: createMetrics(),
  sealing: createSealing(Buffer.alloc(32)),
  kafka: { brokers: [broker], clientId: 'platen-test', topic },
  mostAttempts: 3,
  historyDays: 90,
  webhookHosts: [],
  limits: { leaseSeconds: Number(leaseSeconds) },
});
events.start();
