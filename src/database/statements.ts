// The statements of the embedded database: each is parsed and planned once, and asked by one message of the protocol.

import { type PGlite, parse, protocol } from '@electric-sql/pglite';

const { serialize } = protocol;

type Messages = Awaited<ReturnType<PGlite['execProtocolStream']>>;
type Results = ReturnType<typeof parse.parseResults>;

/** So many are kept ready; those that were not asked for the longest go first. */
const mostKept = 100;
/** Nothing here tells plans that tables have grown: they are made anew so often. */
const plansMs = 10_000;

/** One that the database has under a name. */
interface Kept {
  name: string;
  /** Types of its values. */
  types: number[];
  /** Names and types of what it gives; none where it gives nothing. */
  columns: Messages;
}

export class Statements {
  readonly #lite: PGlite;
  /** By text, in the order in which they were last asked. */
  readonly #kept = new Map<string, Kept>();
  #lastName = 0;
  #plannedAt = performance.now();

  constructor(lite: PGlite) {
    this.#lite = lite;
  }

  /** Several statements without values, or one. */
  async run(text: string): Promise<Results> {
    return this.#read(await this.#send(serialize.query(text)));
  }

  /** One statement with its values. */
  async ask(text: string, values: readonly unknown[]): Promise<Results> {
    await this.#refreshPlans();
    const statement = this.#kept.get(text) ?? (await this.#prepare(text));
    // To the end of the order.
    this.#kept.delete(text);
    this.#kept.set(text, statement);
    const { name, types, columns } = statement;
    const bound = values.map((value, index) => this.#serialize(value, types[index] ?? 0));
    try {
      const sent = [serialize.bind({ statement: name, values: bound }), serialize.execute({}), serialize.sync()];
      return this.#read([...columns, ...(await this.#send(Buffer.concat(sent)))]);
    } catch (error) {
      // Perhaps since a table is not any more what it was when this was parsed.
      await this.#forget(text);
      throw error;
    }
  }

  async #prepare(text: string): Promise<Kept> {
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= mostKept) await this.#forget(oldest);
    const name = `platen_${++this.#lastName}`;
    const sent = [serialize.parse({ name, text }), serialize.describe({ type: 'S', name }), serialize.sync()];
    const messages = await this.#send(Buffer.concat(sent));
    const types = parse.parseDescribeStatementResults(messages);
    return { name, types, columns: messages.filter((message) => message.name === 'rowDescription') };
  }

  async #forget(text: string): Promise<void> {
    const name = this.#kept.get(text)?.name;
    this.#kept.delete(text);
    if (name !== undefined) await this.#send(Buffer.concat([serialize.close({ type: 'S', name }), serialize.sync()]));
  }

  async #refreshPlans(): Promise<void> {
    if (performance.now() - this.#plannedAt < plansMs || this.#lite.isInTransaction()) return;
    this.#plannedAt = performance.now();
    await this.#send(serialize.query('DISCARD PLANS'));
  }

  #serialize(value: unknown, type: number): string | null {
    if (value === null || value === undefined) return null;
    return this.#lite.serializers[type]?.(value) ?? String(value);
  }

  #send(message: Uint8Array): Promise<Messages> {
    return this.#lite.runExclusive(() => this.#lite.execProtocolStream(message, { syncToFs: false }));
  }

  #read(messages: Messages): Results {
    return parse.parseResults(messages, this.#lite.parsers);
  }
}
