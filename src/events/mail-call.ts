// The one door to the mail server: each mail handed over once, over connections that are used again while there is something to send.

import MailComposer from 'nodemailer/lib/mail-composer';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { isLoopback } from '../addresses.ts';
import { RefusedEvent } from './contract.ts';

export interface MailConfig {
  /** `smtps://…`, or `smtp://…`, which begins TLS with its second command; with user and password where it wants them. */
  url: string;
  /** As a header has it: an address, or a name and an address in angle brackets. */
  from: string;
  /** Authorities of its certificate, as PEM, in the place of those that everybody trusts. */
  authorities: string | undefined;
}

export interface Mail {
  /** `Message-ID`, without its brackets: the same however often it is sent. */
  id: string;
  to: string;
  language: string;
  subject: string;
  html: string;
  text: string;
}

export interface MailServer {
  /** Resolves when the server has taken it. @throws {RefusedEvent} where it never will; else what went wrong, without anything that the server wrote. */
  send(mail: Mail, signal: AbortSignal): Promise<void>;
  /** Says goodbye over those connections that are not in use. */
  close(): void;
}

const silenceMs = 20_000;
const connectMs = 10_000;
const idleMs = 10_000;
const defaultPort = { 'smtp:': 587, 'smtps:': 465 } as const;

type Failure = Error & { code?: string; originalCode?: string; responseCode?: number; command?: string };

/** In words of ours: what a server writes may hold the address. */
function explain(error: unknown): Error {
  const { code = '', originalCode, responseCode = 0, command } = error as Failure;
  const isOfMail = code === 'EENVELOPE' ? command !== 'MAIL FROM' : code === 'EMESSAGE';
  if (isOfMail && responseCode >= 500)
    return new RefusedEvent(
      command === 'RCPT TO'
        ? `the server refused the address (${responseCode})`
        : `the server refused the mail (${responseCode})`,
    );
  if (responseCode > 0) return new Error(`the server answered ${responseCode}${command ? ` to ${command}` : ''}`);
  return new Error(`the server could not be reached, or fell silent (${originalCode ?? code})`);
}

/** One step of the conversation, which ends with its answer, with its connection, or by the signal: then the connection is given up. */
async function step(
  connection: SMTPConnection,
  signal: AbortSignal,
  begin: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onEnd = () => reject(Object.assign(new Error('closed'), { code: 'ECONNECTION' }));
  const onAbort = () => reject(signal.reason);
  connection.once('error', reject).once('end', onEnd);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    begin((error) => (error ? reject(error) : resolve()));
    await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    connection.off('error', reject).off('end', onEnd);
  }
}

class PooledServer implements MailServer {
  readonly #config: MailConfig;
  readonly #name: string;
  /** Of those that wait for the next mail, with what ends their waiting. */
  readonly #idle = new Map<SMTPConnection, NodeJS.Timeout>();

  constructor(config: MailConfig, name: string) {
    this.#config = config;
    this.#name = name;
  }

  async send(mail: Mail, signal: AbortSignal): Promise<void> {
    const { from } = this.#config;
    const composed = new MailComposer({
      from,
      to: { name: '', address: mail.to },
      subject: mail.subject,
      text: mail.text,
      html: mail.html,
      messageId: `<${mail.id}>`,
      headers: { 'Auto-Submitted': 'auto-generated', 'Content-Language': mail.language },
      disableFileAccess: true,
      disableUrlAccess: true,
    }).compile();
    const message = await composed.build();
    const envelope = { from: addressOf(from), to: [mail.to] };
    const connection = await this.#take(signal);
    try {
      await step(connection, signal, (done) => connection.send(envelope, message, done));
    } catch (error) {
      connection.close();
      throw signal.aborted ? error : explain(error);
    }
    // From here on nothing that happens to the connection matters to the mail.
    this.#putBack(connection);
  }

  close(): void {
    for (const connection of this.#idle.keys()) this.#dismiss(connection);
  }

  /** One that answers: what the server has closed meanwhile is no attempt of the mail. */
  async #take(signal: AbortSignal): Promise<SMTPConnection> {
    for (;;) {
      const [idle] = this.#idle.keys();
      if (idle === undefined) return this.#open(signal);
      this.#forget(idle);
      try {
        await step(idle, signal, (done) => idle.reset(done));
        return idle;
      } catch (error) {
        idle.close();
        if (signal.aborted) throw error;
      }
    }
  }

  async #open(signal: AbortSignal): Promise<SMTPConnection> {
    const { protocol, hostname, port, username, password } = new URL(this.#config.url);
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const { authorities } = this.#config;
    const secure = protocol === 'smtps:';
    const isOpen = !secure && isLoopback(host);
    const connection = new SMTPConnection({
      host,
      port: Number(port) || defaultPort[protocol as keyof typeof defaultPort],
      secure,
      // Beyond this machine nothing is said before it is encrypted.
      requireTLS: !secure && !isOpen,
      name: this.#name,
      connectionTimeout: connectMs,
      greetingTimeout: connectMs,
      dnsTimeout: connectMs,
      socketTimeout: silenceMs,
      socketCloseTimeout: 0,
      tls: {
        ...(authorities === undefined ? {} : { ca: authorities }),
        // On this machine it may as well be plain.
        rejectUnauthorized: !isOpen || authorities !== undefined,
      },
    });
    // Also of one that waits: the server may end it, and nobody else would hear of its error.
    const forget = () => this.#forget(connection);
    connection.on('end', forget).on('error', forget);
    try {
      await step(connection, signal, (done) => connection.connect(done));
      if (username !== '') {
        const auth = { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
        await step(connection, signal, (done) => connection.login(auth, done));
      }
    } catch (error) {
      connection.close();
      throw signal.aborted ? error : explain(error);
    }
    return connection;
  }

  #putBack(connection: SMTPConnection): void {
    if (connection.destroyed) return;
    this.#idle.set(connection, setTimeout(() => this.#dismiss(connection), idleMs).unref());
  }

  #forget(connection: SMTPConnection): void {
    clearTimeout(this.#idle.get(connection));
    this.#idle.delete(connection);
  }

  #dismiss(connection: SMTPConnection): void {
    this.#forget(connection);
    connection.quit();
  }
}

/** The address alone, of a sender as a header has it. */
const addressOf = (from: string) => /<([^<>]+)>\s*$/.exec(from)?.[1] ?? from;

/** @param name as which we greet the server. */
export function createMailServer(config: MailConfig, name: string): MailServer {
  return new PooledServer(config, name);
}
