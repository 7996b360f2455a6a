// A mailbox for trying things out: takes every mail that it is sent, sends none on, and shows them on a page.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { buffer } from 'node:stream/consumers';
import express, { type Express, type Response } from 'express';
import PostalMime, { type Address, type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { framedMail, mailboxPage } from './mailbox-page.ts';

export interface Mail {
  /** 1 for the first that came. */
  id: number;
  from: string;
  to: string;
  subject: string;
  arrivedAt: Date;
  text: string;
  html: string;
}

export interface Mailbox extends AsyncDisposable {
  /** Where mails are handed over: `smtp://localhost:…`. */
  smtpUrl: string;
  /** Of the page. */
  url: string;
  /** The oldest first; the newest 1000 are kept. */
  mails: readonly Mail[];
}

interface MailboxOptions {
  /** 0 picks a free one, as for the other. */
  port: number;
  smtpPort: number;
}

const mostMails = 1000;
const mostBytes = 10 * 1024 * 1024;

const inWords = (address: Address | undefined) =>
  [address?.name, address?.address].filter((part) => part !== undefined && part !== '').join(' · ');

const mailOf = (id: number, { from, to, subject = '', text = '', html = '' }: Email): Mail => ({
  id,
  from: inWords(from),
  to: inWords(to?.[0]),
  subject,
  arrivedAt: new Date(),
  text,
  html,
});

function createSmtp(take: (raw: Buffer) => Promise<void>): SMTPServer {
  const smtp = new SMTPServer({
    // Whoever is on this machine may hand something over; it brings no certificate of its own.
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    size: mostBytes,
    logger: false,
    onData(stream, _session, done) {
      buffer(stream)
        .then(take)
        .then(() => done(), done);
    },
  });
  // A client that goes away under way is no reason to end.
  smtp.on('error', () => undefined);
  return smtp;
}

function sendPage(response: Response, page: string): void {
  response.set({
    'Content-Security-Policy':
      "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'",
    'Cache-Control': 'no-store',
  });
  response.type('html').send(page);
}

function createPages(mails: readonly Mail[]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/', (_request, response) => sendPage(response, mailboxPage(mails, mails.at(-1))));
  app.get('/mails/:id', ({ params }, response) => {
    const mail = mails.find(({ id }) => String(id) === params.id);
    if (mail === undefined) return response.status(404).type('text').send('There is no such mail.\n');
    return sendPage(response, mailboxPage(mails, mail));
  });
  app.get('/mails/:id/html', ({ params }, response) => {
    const mail = mails.find(({ id }) => String(id) === params.id);
    if (mail === undefined) return response.status(404).type('text').send('There is no such mail.\n');
    // Whatever a mail holds, it runs nothing and asks nobody; its links open beside the mailbox.
    response.set({
      'Content-Security-Policy':
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
      'Cache-Control': 'no-store',
    });
    return response.type('html').send(framedMail(mail));
  });
  return app;
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

export async function startMailbox({ port, smtpPort }: MailboxOptions): Promise<Mailbox> {
  const mails: Mail[] = [];
  let arrived = 0;
  const smtp = createSmtp(async (raw) => {
    const parsed = await PostalMime.parse(raw);
    arrived++;
    mails.push(mailOf(arrived, parsed));
    if (mails.length > mostMails) mails.shift();
  });
  const pages = createServer(createPages(mails));
  const pagesPort = await listen(pages, port);
  const handedOver = await listen(smtp.server, smtpPort).catch((error) => {
    pages.close();
    throw error;
  });
  return {
    smtpUrl: `smtp://localhost:${handedOver}`,
    url: `http://localhost:${pagesPort}`,
    mails,
    async [Symbol.asyncDispose]() {
      const closed = once(pages, 'close');
      pages.close();
      pages.closeAllConnections();
      await Promise.all([closed, new Promise<void>((done) => smtp.close(() => done()))]);
    },
  };
}
