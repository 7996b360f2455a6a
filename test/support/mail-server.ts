// A small mail server: takes what it is given, unless the recipient's name says otherwise (`no-550@…`).

import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { serverOf } from './authority.ts';

export interface TakenMail {
  from: string;
  to: string;
  /** With all headers, as it came. */
  raw: string;
  isEncrypted: boolean;
  user: string | undefined;
}

export interface TestMailServer extends AsyncDisposable {
  port: number;
  /** What it has answered with 250, in that order. */
  taken: TakenMail[];
  /** How often somebody was named as a recipient. */
  named: string[];
  /** Connections that were opened, and those that still are. */
  opened: number;
  open(): number;
  /** What a recipient's name asks for is done no more. */
  heal(): void;
}

const refusal = (code: number, words: string) => Object.assign(new Error(words), { responseCode: code });

/**
 * no-550, later-451: refused as a recipient; body-554: when all is said; silent: never answered as a recipient;
 * lost: the connection ends before the answer to the mail; parting: right after it.
 */
export async function startMailServer(options: SMTPServerOptions = {}, port = 0): Promise<TestMailServer> {
  let isWell = false;
  const wish = (address: string) => (isWell ? '' : (address.split('@')[0] ?? ''));
  const codeOf = (name: string) => Number(name.split('-')[1]);
  const socketOf = (id: string) =>
    [...smtp.connections].find((each) => (each.session as { id?: string }).id === id)?._socket;
  const smtp = new SMTPServer({
    ...serverOf('good'),
    authOptional: true,
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 50,
    ...options,
    onConnect(_session, done) {
      server.opened++;
      done();
    },
    onAuth: ({ username, password }, _session, done) =>
      username === 'platen' && password === 'se/cret' ? done(null, { user: username }) : done(refusal(535, 'no')),
    onRcptTo({ address }, _session, done) {
      server.named.push(address);
      const name = wish(address);
      if (name === 'silent') return;
      done(/^(no|later)-/.test(name) ? refusal(codeOf(name), `<${address}> is not wanted`) : null);
    },
    async onData(stream, session, done) {
      // A client that is killed under way says no more.
      const raw = await text(stream).catch(() => undefined);
      if (raw === undefined) return;
      const to = session.envelope.rcptTo[0]?.address ?? '';
      const name = wish(to);
      if (name === 'lost') return socketOf(session.id)?.destroy();
      if (name.startsWith('body-')) return done(refusal(codeOf(name), `<${to}> is not wanted`));
      const { mailFrom } = session.envelope;
      const from = mailFrom === false ? '' : (mailFrom?.address ?? '');
      server.taken.push({ from, to, raw, isEncrypted: session.secure, user: session.user as string | undefined });
      done(null, 'taken');
      if (name === 'parting') socketOf(session.id)?.end();
    },
  });
  smtp.on('error', () => undefined);
  await new Promise<void>((done) => smtp.listen(port, '127.0.0.1', done));
  const server: TestMailServer = {
    port: (smtp.server.address() as AddressInfo).port,
    taken: [],
    named: [],
    opened: 0,
    open: () => smtp.connections.size,
    heal: () => {
      isWell = true;
    },
    [Symbol.asyncDispose]: () => new Promise((done) => smtp.close(() => done())),
  };
  return server;
}

/** What a header of a mail says, undone of its folding. */
export const headerOf = ({ raw }: TakenMail, name: string): string | undefined =>
  new RegExp(`^${name}: (.*(?:\\r\\n[ \\t].*)*)`, 'mi').exec(raw)?.[1]?.replaceAll(/\r\n[ \t]/g, ' ');

/** Its parts by media type, decoded. */
export function partsOf({ raw }: TakenMail): Record<string, string> {
  const boundary = /boundary="([^"]+)"/.exec(raw)?.[1] ?? '';
  const parts = raw.split(`--${boundary}`).slice(1, -1);
  return Object.fromEntries(
    parts.map((part) => {
      const [head = '', ...rest] = part.split('\r\n\r\n');
      const body = rest.join('\r\n\r\n');
      const type = /Content-Type: ([\w/]+)/i.exec(head)?.[1] ?? '';
      const isBase64 = /base64/i.test(head);
      const quoted = () =>
        Buffer.from(
          body
            .replaceAll(/=\r\n/g, '')
            .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
          'latin1',
        ).toString();
      const decoded = isBase64 ? Buffer.from(body, 'base64').toString() : /quoted/i.test(head) ? quoted() : body;
      return [type, decoded];
    }),
  );
}
