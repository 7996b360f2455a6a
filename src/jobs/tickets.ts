// Tickets for those who can't send a header: each opens the events of one job to one caller, once, in whichever process.

import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { Database } from '../database/database.ts';
import type { Tickets } from './contract.ts';

const ticketSeconds = 30;
const ticketBytes = 32;
const ticketPattern = /^[\w-]{43}$/;

const digestOf = (ticket: string) => createHash('sha256').update(ticket).digest();

export function createTickets(database: Database): Tickets {
  return {
    async issue(owner, opens) {
      const ticket = randomBytes(ticketBytes).toString('base64url');
      await database.transaction(async (tx) => {
        await sql`DELETE FROM platen.tickets WHERE digest IN (
          SELECT digest FROM platen.tickets WHERE expires_at < now() ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)`.execute(
          tx,
        );
        await sql`INSERT INTO platen.tickets (digest, owner, opens, expires_at)
          VALUES (${digestOf(ticket)}, ${owner}, ${opens}, clock_timestamp() + make_interval(secs => ${ticketSeconds}))`.execute(
          tx,
        );
      });
      return { ticket, expiresInSeconds: ticketSeconds };
    },

    async redeem(ticket, opens) {
      if (!ticketPattern.test(ticket)) return undefined;
      const { rows } = await database.transaction((tx) =>
        sql<{ owner: string }>`
          DELETE FROM platen.tickets
          WHERE digest = ${digestOf(ticket)} AND opens = ${opens.toLowerCase()} AND expires_at > clock_timestamp()
          RETURNING owner`.execute(tx),
      );
      return rows[0]?.owner;
    },
  };
}
