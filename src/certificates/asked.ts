// What a certificate is asked to say, and whether it can be printed: looked at before a number is taken.

import { fail, pointerTo } from '../errors.ts';
import { glyphMissing } from '../templating/contract.ts';
import type { Templating } from '../templating/templating.ts';
import { verifyUrlOf } from './certificate.ts';
import { type IssueBody, issueBody, type ReissueBody } from './contract.ts';
import { templateDataOf } from './facts.ts';
import type { CertificateInput, FrozenInput } from './store.ts';

const defaults = { type: 'course-completion', templateId: 'course-completion', language: 'en' };
/** Shown in the place of a number that is not taken yet. */
const sampleNumber = '0000-000000';

/** With what goes without saying. */
export const inputOf = (body: IssueBody): CertificateInput => ({
  ...body,
  type: body.type ?? defaults.type,
  templateId: body.templateId ?? defaults.templateId,
  language: body.language ?? defaults.language,
});

/** What a certificate says with these changes. @throws invalid_request where they do not go together. */
export function applyChanges(
  { images: _, mail: __, remindDaysBefore: ___, generator, type, ...input }: FrozenInput,
  changes: Omit<ReissueBody, 'reason'>,
): CertificateInput {
  const { success, data, error } = issueBody.safeParse({ ...input, ...changes });
  if (success) return { ...inputOf(data), type, ...(generator === undefined ? {} : { generator }) };
  const errors = error.issues.map(({ path, message }) => ({ field: pointerTo(path), message }));
  throw fail('invalid_request', { errors });
}

export interface InputCheck {
  /** @throws those of `checkTemplate`; glyph_missing; those of a print, where one is needed to find out. */
  checkLetters(input: CertificateInput, signal: AbortSignal): Promise<void>;
  /** @throws unknown_template, unknown_language, name_required, invalid_request, template_failed. */
  checkTemplate(input: CertificateInput): void;
}

interface Dependencies {
  templating: Templating;
  config: { publicUrl: string; issuerName: string };
}

export function createInputCheck({ templating, config }: Dependencies): InputCheck {
  const { publicUrl, issuerName } = config;
  const sampleOf = (input: CertificateInput) =>
    templateDataOf({ input, number: sampleNumber }, { verifyUrl: verifyUrlOf(publicUrl, ''), issuerName });
  return {
    async checkLetters(input, signal) {
      // What a generator shows is seen when it has made it.
      if (input.generator !== undefined) return;
      const { templateId, language, firstName, middleName, lastName, courseName } = input;
      const request = { templateId, language, data: sampleOf(input), signal, priority: 'trigger' } as const;
      const letters = await templating.missingLetters(request);
      if (letters.length > 0) throw glyphMissing(letters, { firstName, middleName, lastName, courseName });
    },
    checkTemplate: (input) => templating.check(input.templateId, input.language, sampleOf(input)),
  };
}
