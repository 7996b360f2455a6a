// What the verification page says in English.

import type { VerificationTexts } from './verification-texts.ts';

export const english: VerificationTexts = {
  language: 'English',
  title: 'Certificate verification',
  headings: {
    valid: 'This certificate is valid',
    expired: 'This certificate has expired',
    revoked: 'This certificate was revoked',
    replaced: 'This certificate was replaced',
  },
  explanations: {
    valid: 'It was issued by the institution named below, and is good today.',
    expired: 'It is genuine, but it was good only until the date below.',
    revoked: 'It was issued by the institution named below, which has taken it back. It is not good any more.',
    replaced: 'It was issued by the institution named below, which has put a newer one in its place.',
  },
  issuedTo: 'Issued to',
  course: 'For completing',
  issuedBy: 'Issued by',
  issuedOn: 'Issued on',
  expiresOn: 'Valid until',
  neverExpires: 'Does not expire',
  number: 'Certificate number',
  seeSuccessor: 'See the newer certificate',
  share: 'Share by e-mail',
  linkedIn: 'Add to LinkedIn profile',
  languages: 'Languages',
  compare: 'Compare the name, the course and the number with those on the certificate in front of you.',
  notFoundHeading: 'No certificate found',
  notFoundText: 'There is no certificate at this address. Check that the link is complete, or scan the code again.',
  start: 'Choose the PDF of a certificate, or scan the code that is printed on it.',
  unconfirmed: {
    heading: 'This certificate could not be confirmed',
    text: 'The file is known here, but not everything about it could be confirmed. Ask the institution named below.',
  },
  file: {
    label: 'Do you have its PDF? Check the file itself',
    hint: 'Choose it, or drop it here. It is looked at and not kept. At most 50 MB.',
    action: 'Check the file',
    notices: {
      unknown: {
        heading: 'This file is not known',
        text: 'No certificate was issued here as this very file. If it was changed, saved anew or scanned, use the code that is printed on it.',
      },
      pdf_unreadable: { heading: 'This file can not be read', text: 'It is no PDF, or it is damaged.' },
      pdf_encrypted: { heading: 'This file can not be read', text: 'It is protected by a password.' },
      body_too_large: { heading: 'This file is too large', text: 'A certificate has far less than 50 MB.' },
      malformed_request: { heading: 'No file has arrived', text: 'Choose the PDF of the certificate first.' },
    },
    checksHeading: 'What was checked',
    checks: {
      known_file: 'The file is the one that was issued, to the last byte',
      credential: 'Its digital credential was signed by the issuer',
      status: 'It was neither revoked nor replaced',
      expiry: 'It has not expired',
      consistent: 'Credential and register say the same',
    },
    passed: 'Yes',
    failed: 'No',
  },
};
