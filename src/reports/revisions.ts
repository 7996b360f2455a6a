// The order of renders and removals, the same for all processes: of two documents of one key the one accepted later is the newer.

import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { abortable } from '../abortable.ts';
import { recordChange } from '../audit/audit.ts';
import type { Database } from '../database/database.ts';

const removalsChannel = 'platen_removals';

/** Nothing that was accepted before a removal is still under way so long after it. */
const removalDays = 2;
const forgottenAtOnce = 100;

const usualPatienceMs = 2000;
const openingPatienceMs = 10_000;

const digestOf = (ending: string) => createHash('sha256').update(ending).digest('hex');

export class Revisions {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Greater than any before it, in whichever process. @throws database_unavailable. */
  next(): Promise<bigint> {
    return this.#database.nextRevision();
  }

  /** For a person, who does not wait for a database that does not answer; one that is only being opened is waited for. */
  nextInTime(): Promise<bigint> {
    const patienceMs = this.#database.isOpening ? openingPatienceMs : usualPatienceMs;
    return abortable(this.next(), AbortSignal.timeout(patienceMs));
  }

  /**
   * Writes down that documents are removed: what was accepted before is not stored any more, wherever it is rendered.
   * @param below beginning of the keys, with a slash at its end.
   * @param endings ends of the keys; none for all of them.
   * @param tenant prefix of their tenant's keys, for the audit, which names no learner.
   * @returns its place in the order.
   */
  async recordRemoval(below: string, endings: readonly string[], tenant?: string): Promise<bigint> {
    const revision = await this.next();
    await this.#database.transaction(async (tx) => {
      for (const ending of endings.length === 0 ? [''] : endings)
        await tx
          .insertInto('removals')
          .values({ below, ending, revision: String(revision) })
          .onConflict((present) =>
            present.columns(['below', 'ending']).doUpdateSet((eb) => ({
              revision: eb.fn('greatest', [eb.ref('removals.revision'), eb.ref('excluded.revision')]),
              removed_at: sql<Date>`now()`,
            })),
          )
          .execute();
      const after = { removed: endings.length === 0 ? 'all' : endings.length };
      await recordChange(tx, { tenant, target: below.slice(0, -1), after });
      await sql`SELECT pg_notify(${removalsChannel}, '')`.execute(tx);
    });
    await this.#forgetRemovals();
    return revision;
  }

  /**
   * The same for all documents of one ending, of which only a digest is written down: it is nobody's name. What was written down before by
   * its name is forgotten.
   */
  async recordErasure(below: string, ending: string): Promise<bigint> {
    const revision = await this.recordRemoval(below, [digestOf(ending)]);
    await sql`DELETE FROM platen.removals WHERE starts_with(below, ${below}) AND ending = ${ending}`.execute(
      this.#database.queries,
    );
    return revision;
  }

  /** Whether documents of the key were removed since the revision. */
  async isRemoved(key: string, revision: bigint): Promise<boolean> {
    const parts = key.split('/');
    const prefixes = [1, 2, 3, 4]
      .map((count) => `${parts.slice(0, -count).join('/')}/`)
      .filter((prefix) => prefix !== '/');
    const named = [`/${parts.at(-1)}`, `/${parts.slice(-2).join('/')}`];
    const endings = ['', ...named, ...named.map(digestOf)];
    const later = await this.#database.queries
      .selectFrom('removals')
      .select('revision')
      .where('below', 'in', prefixes)
      .where('ending', 'in', endings)
      .where('revision', '>', String(revision))
      .limit(1)
      .executeTakeFirst();
    return later !== undefined;
  }

  async #forgetRemovals(): Promise<void> {
    await sql`
      DELETE FROM platen.removals WHERE (below, ending) IN (
        SELECT below, ending FROM platen.removals WHERE removed_at < now() - make_interval(days => ${removalDays})
        ORDER BY removed_at LIMIT ${forgottenAtOnce} FOR UPDATE SKIP LOCKED)`.execute(this.#database.queries);
  }

  /** Hears of every removal, and whenever one may have been missed. */
  async onRemoval(listener: () => void): Promise<void> {
    await this.#database.listen(removalsChannel, { onMessage: listener, onGap: listener });
  }
}
