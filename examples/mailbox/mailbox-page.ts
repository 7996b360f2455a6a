// How the mailbox looks: the mails at the left, one of them opened at the right.

import { Html, html } from '../../src/certificates/html.ts';
import type { Mail } from './mailbox.ts';

const style = new Html(`
:root { --ink: #22303c; --muted: #5d6b78; --rule: #d5dce3; --main: #2a6592; --shade: #f2f5f8; --paper: #fff; color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --muted: #9fadba; --rule: #35424e; --main: #8cc0e8; --shade: #1b242c; --paper: #12181e; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; grid-template-columns: minmax(260px, 360px) 1fr; background: var(--paper); color: var(--ink);
  font: 15px / 1.5 system-ui, "Noto Sans", "Noto Sans Tamil", "Noto Sans Devanagari", "Noto Sans Arabic", sans-serif; }
nav { border-inline-end: 1px solid var(--rule); background: var(--shade); max-height: 100vh; overflow: auto; position: sticky; top: 0; }
nav header { padding: 20px 20px 14px; }
nav h1 { margin: 0; font-size: 19px; line-height: 1.3; }
nav p { margin: 2px 0 0; color: var(--muted); font-size: 13px; }
ol { list-style: none; margin: 0; padding: 0; }
li a { display: block; padding: 11px 20px 12px; border-top: 1px solid var(--rule); border-inline-start: 3px solid transparent; color: inherit; text-decoration: none; }
li a:hover { background: var(--paper); }
li a:focus-visible { outline: 2px solid var(--main); outline-offset: -2px; }
li a[aria-current] { background: var(--paper); border-inline-start-color: var(--main); }
.line { display: flex; gap: 10px; justify-content: space-between; align-items: baseline; }
.to { font-size: 13px; color: var(--muted); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
time { font-size: 13px; color: var(--muted); font-variant-numeric: tabular-nums; flex: none; }
.subject { display: block; font-weight: 600; overflow-wrap: anywhere; }
main { display: flex; flex-direction: column; min-width: 0; padding: 24px 32px 32px; }
main h2 { margin: 0 0 10px; font-size: 23px; line-height: 1.3; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 0 0 18px; color: var(--muted); font-size: 14px; }
dd { margin: 0; color: var(--ink); overflow-wrap: anywhere; }
iframe { flex: 1; width: 100%; min-height: 560px; border: 1px solid var(--rule); border-radius: 8px; background: #fff; }
details { margin-top: 14px; }
summary { cursor: pointer; color: var(--main); }
pre { margin: 10px 0 0; padding: 14px; background: var(--shade); border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px / 1.6 ui-monospace, monospace; }
.empty { margin: auto; color: var(--muted); text-align: center; }
@media (max-width: 760px) { body { display: block; } nav { position: static; max-height: 40vh; border-inline-end: 0; border-bottom: 1px solid var(--rule); } main { padding: 20px 16px; } }
`);

const clock = (time: Date) => time.toTimeString().slice(0, 8);

const rowOf = (mail: Mail, opened: Mail | undefined): Html => html`
<li><a href="/mails/${String(mail.id)}"${mail === opened ? html` aria-current="true"` : undefined}>
<span class="line"><bdi class="to">${mail.to}</bdi><time datetime="${mail.arrivedAt.toISOString()}">${clock(mail.arrivedAt)}</time></span>
<bdi class="subject">${mail.subject}</bdi></a></li>`;

const openedMail = (mail: Mail): Html => html`
<h2><bdi>${mail.subject}</bdi></h2>
<dl><dt>From</dt><dd><bdi>${mail.from}</bdi></dd><dt>To</dt><dd><bdi>${mail.to}</bdi></dd></dl>
<iframe title="The mail" src="/mails/${String(mail.id)}/html"></iframe>
<details><summary>As plain text</summary><pre dir="auto">${mail.text}</pre></details>`;

const count = (many: number) => (many === 1 ? '1 mail' : `${many} mails`);

/** The newest stands first. */
export function mailboxPage(mails: readonly Mail[], opened: Mail | undefined): string {
  const nothing = html`<p class="empty">Nothing has come yet. This page looks again every few seconds.</p>`;
  const title = opened === undefined ? 'Mailbox' : `${opened.subject} · Mailbox`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${opened === undefined ? html`<meta http-equiv="refresh" content="3">` : undefined}
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<nav aria-label="Mails"><header><h1>Mailbox of the demo</h1><p>${count(mails.length)}. They stay here: nothing is sent on.</p></header>
<ol>${mails.toReversed().map((mail) => rowOf(mail, opened))}</ol></nav>
<main>${opened === undefined ? nothing : openedMail(opened)}</main>
</body>
</html>`.text;
}

/** Its links open beside the mailbox, for the pages that they lead to stand in no frame. */
export const framedMail = ({ html: text }: Mail): string => text.replace(/<head[^>]*>/i, '$&<base target="_blank">');
