// The mailbox of the examples: it takes what it is sent and shows it, whatever a mail holds.

import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Mailbox, startMailbox } from '../examples/mailbox/mailbox.ts';
import { until } from './support/until.ts';

let mailbox: Mailbox;
beforeAll(async () => {
  mailbox = await startMailbox({ port: 0, smtpPort: 0 });
});
afterAll(async () => {
  await mailbox[Symbol.asyncDispose]();
});

const page = async (path: string) => {
  const response = await fetch(mailbox.url + path);
  return { status: response.status, headers: response.headers, text: await response.text() };
};

/** One step after the other, each when the server has answered the one before. */
async function send(message: string[]): Promise<void> {
  const { port } = new URL(mailbox.smtpUrl);
  const socket = connect(Number(port), 'localhost');
  const steps = [
    'EHLO school.example',
    'MAIL FROM:<school@school.example>',
    'RCPT TO:<anjali@school.example>',
    'DATA',
    [...message, '.'].join('\r\n'),
    'QUIT',
  ];
  for await (const chunk of socket) {
    const answer = String(chunk);
    expect(answer).toMatch(/^[23]/);
    const step = /^\d{3} /m.test(answer) ? steps.shift() : undefined;
    if (step !== undefined) socket.write(`${step}\r\n`);
  }
}

test('a mail is shown as it was written, runs nothing and asks nobody', async () => {
  expect((await page('/')).text).toContain('Nothing has come yet');
  await send([
    'From: "Example School" <school@school.example>',
    'To: anjali@school.example',
    'Subject: =?UTF-8?B?4K6a4K6+4K6p4K+N4K6x4K6/4K604K+N?= <script>alert(1)</script>',
    'Content-Type: text/html; charset=utf-8',
    '',
    '<html><head><title>x</title></head><body><a href="https://school.example/d/1">Open</a></body></html>',
  ]);
  await until(() => mailbox.mails.length === 1);
  const { text, headers } = await page('/');
  expect(text).toContain('சான்றிழ் &lt;script&gt;alert(1)&lt;/script&gt;');
  expect(text).not.toContain('<script>');
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  const framed = await page('/mails/1/html');
  expect(framed.text).toContain('<a href="https://school.example/d/1">Open</a>');
  expect(framed.text).toContain('<base target="_blank">');
  expect(framed.headers.get('content-security-policy')).toMatch(/^sandbox /);
  expect((await page('/mails/2')).status).toBe(404);
  expect((await page('/mails/2/html')).status).toBe(404);
});
