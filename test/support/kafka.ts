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
  const { stdout } = await promisify(execFile)('kcat', args, { timeout: 60_000, maxBuffer: 2 ** 26 });
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
  kill(): Promise<void>;
  start(): Promise<void>;
}

const { PLATEN_STAND: stand, TOXIPROXY_URL } = process.env;
/** For what stops Kafka or spoils the network to it; skipped where no script to start one is named, no proxy or no kcat. */
export const describeKafkaFaults =
  stand === undefined || TOXIPROXY_URL === undefined || !hasReader ? describe.skip : describe;

/** A Kafka of the test's own, by the script that PLATEN_STAND names. The test's process goes on meanwhile. */
export async function startKafkaServer(): Promise<KafkaServer> {
  const run = async (verb: string) => {
    const env = { ...process.env, STAND_INSTANCE: `platen-test-${process.pid}` };
    const { stdout } = await promisify(execFile)('bash', [stand ?? '', verb, 'kafka'], { env });
    return stdout;
  };
  const start = async () => {
    const exported = await run('up');
    return (name: string) => new RegExp(`${name}=(\\S+)`).exec(exported)?.[1] ?? '';
  };
  const exportOf = await start();
  const brokers = exportOf('KAFKA_BROKERS');
  return {
    brokers,
    faultListen: exportOf('KAFKA_FAULT_LISTEN'),
    faultUpstream: exportOf('KAFKA_FAULT_UPSTREAM'),
    kill: async () => void (await run('kill')),
    async start() {
      const now = (await start())('KAFKA_BROKERS');
      // It takes other ports when one of its own is taken, be it by the proxy at `faultListen`.
      if (now !== brokers) throw new Error(`Kafka has come back at ${now}, not at ${brokers}`);
    },
    [Symbol.asyncDispose]: async () => void (await run('reset')),
  };
}
