// The variables of mail; a part of the table in variables.ts.

import { readAuthorityFile } from './authority-file.ts';
import type { Variable } from './variable-kinds.ts';

function readServer(value: string): string | undefined {
  const url = /^smtps?:\/\/[^\s/?#]+\/?$/.test(value) && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || url.hostname === '') return undefined;
  try {
    decodeURIComponent(url.username + url.password);
  } catch {
    return undefined;
  }
  return (url.username === '') === (url.password === '') ? value : undefined;
}

/** An address, or a name and an address in angle brackets; nothing that would begin another header, or name a second one. */
const sender = /^(?:[^<>@,;:"\\\p{Cc}]{1,100}<([^\s<>@]+@[^\s<>@]+)>|[^\s<>@,;:"\\]+@[^\s<>@,;:"\\]+)$/u;

export const mailVariables = {
  SMTP_URL: {
    parse: readServer,
    fallback: undefined as string | undefined,
    rule: 'smtps://host or smtp://host, with user:password@ (percent-encoded) and :port where they are wanted, and nothing else',
    example: 'smtps://platen:secret@mail.school.example',
    meaning:
      'Mail server to which mails to learners are given; without it there are none. `smtp:` goes on in TLS (STARTTLS) or not at all, but for a server on this machine.',
    isSecret: true,
  } satisfies Variable<string | undefined>,
  MAIL_FROM: {
    parse: (value) => (sender.test(value) ? value : undefined),
    fallback: undefined as string | undefined,
    rule: 'an address, or a name and an address in angle brackets',
    example: 'Example School <certificates@school.example>',
    meaning: 'Sender of mails. Set together with SMTP_URL.',
  } satisfies Variable<string | undefined>,
  SMTP_CA_FILE: {
    parse: readAuthorityFile,
    fallback: undefined as string | undefined,
    rule: 'the path of a file with certificates in PEM form',
    example: '/etc/platen/mail-authority.pem',
    meaning: 'Authorities that the certificate of the mail server is checked by, in the place of those that all trust.',
  } satisfies Variable<string | undefined>,
};
