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

export interface KafkaServer extends AsyncDisposable {
  brokers: string;
  /** Where it says that it is to those who come by `faultUpstream`: a bad network is to stand there. */
  faultListen: string;
  faultUpstream: string;
  /** Without letting it end anything. */
  kill(): void;
  start(): void;
}

const { PLATEN_STAND: stand, TOXIPROXY_URL } = process.env;
/** For what stops Kafka or spoils the network to it; skipped where no script to start one is named, no proxy or no kcat. */
export const describeKafkaFaults =
  stand === undefined || TOXIPROXY_URL === undefined || !hasReader ? describe.skip : describe;

/** A Kafka of the test's own, by the script that PLATEN_STAND names. */
export function startKafkaServer(): KafkaServer {
  const run = (verb: string) => {
    const env = { ...process.env, STAND_INSTANCE: `platen-test-${process.pid}` };
    const { status, stdout, stderr } = spawnSync('bash', [stand ?? '', verb, 'kafka'], { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`Kafka: ${verb} failed: ${stderr}`);
    return stdout;
  };
  const exported = run('up');
  const exportOf = (name: string) => new RegExp(`${name}=(\\S+)`).exec(exported)?.[1] ?? '';
  return {
    brokers: exportOf('KAFKA_BROKERS'),
    faultListen: exportOf('KAFKA_FAULT_LISTEN'),
    faultUpstream: exportOf('KAFKA_FAULT_UPSTREAM'),
    kill: () => run('kill'),
    start: () => run('up'),
    [Symbol.asyncDispose]: async () => {
      run('reset');
    },
  };
}
