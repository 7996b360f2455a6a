// The Kafka of KAFKA_BROKERS for tests, read by kcat, a client of others. Skipped visibly without them.

import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';

const { KAFKA_BROKERS } = process.env;
const hasReader = spawnSync('kcat', ['-V']).status === 0;

/** Runs a suite on a real Kafka; skipped where there is none, or no kcat. */
export function describeKafka(name: string, suite: (brokers: string) => void): void {
  (KAFKA_BROKERS === undefined || !hasReader ? describe.skip : describe)(name, () => suite(KAFKA_BROKERS ?? ''));
}

export interface ReadMessage {
  key: string;
  value: string;
  headers: Record<string, string>;
  partition: number;
  offset: number;
}

/** All that stands in the topic now. */
export async function readTopic(brokers: string, topic: string): Promise<ReadMessage[]> {
  const args = ['-b', brokers, '-t', topic, '-C', '-e', '-q', '-J', '-o', 'beginning'];
  const { stdout } = await promisify(execFile)('kcat', args, { timeout: 60_000 });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { key, payload, headers = [], partition, offset } = JSON.parse(line);
      const pairs = Array.from({ length: headers.length / 2 }, (_, at) => [headers[at * 2], headers[at * 2 + 1]]);
      return { key, value: payload, headers: Object.fromEntries(pairs), partition, offset };
    });
}
