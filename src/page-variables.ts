// The settings of a page's contract, for all origins or, by ORIGIN_SETTINGS, for one.

import { readAuthorityFile } from './authority-file.ts';
import { readPathPattern } from './path-pattern.ts';
import { decimal, flag, integer, list, oneOf, text, type Variable } from './variable-kinds.ts';
import { type WarningCode, warningCodes } from './warnings.ts';

function readLanguage(value: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(value)[0];
  } catch {
    return undefined;
  }
}

function readTimeZone(value: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

const readWarningCode = (value: string): WarningCode | undefined => warningCodes.find((code) => code === value);

export const pageVariables = {
  TOKEN_STORAGE_KEY: text('token', {
    example: 'token',
    meaning: 'Key in localStorage where the page looks for its token.',
  }),
  TOKEN_COOKIE_NAME: {
    parse: (value: string) => (/^[\w!#$%&'*+.^`|~-]+$/.test(value) ? value : undefined),
    fallback: 'jwt',
    rule: 'a cookie name',
    example: 'jwt',
    meaning: 'Cookie where the page looks for its token.',
  },
  REQUIRE_PDF_SUBJECT: flag(false, 'Student and teacher pages must say whom they show.'),
  PAGE_ERRORS: oneOf(['report', 'fail'], 'Whether an uncaught error on the page is reported or fails the render.'),
  ASSET_GRACE_MS: integer(
    2000,
    [0, 60_000],
    'Milliseconds that fonts, images, style sheets and frames still loading get after ready.',
  ),
  SETTLE_MS: integer(
    3000,
    [0, 60_000],
    "Milliseconds of the page's own time that what still moves gets after ready; they take far less of ours.",
  ),
  PAGE_ALIASES: list(readPathPattern, {
    rule: 'patterns of paths; * stands for any text',
    example: '/classes/*/report',
    meaning: 'Further paths under which the report pages may end.',
  }),
  IGNORED_REFUSALS: list(readPathPattern, {
    rule: 'patterns of paths; * stands for any text',
    example: '/api/auth/*',
    meaning:
      'Paths whose 401 and 403 say nothing of the token. A path of another origin begins with a star: `*/auth/*`.',
  }),
  PAGE_LANGUAGE: {
    parse: readLanguage,
    fallback: undefined as string | undefined,
    rule: 'a language tag',
    example: 'de-DE',
    meaning: 'Language of the browser: forms of numbers and dates, Accept-Language. Default: that of LANG.',
  },
  PAGE_TIME_ZONE: {
    parse: readTimeZone,
    fallback: undefined as string | undefined,
    rule: 'a time zone by its name',
    example: 'Asia/Kolkata',
    meaning: 'Time zone of pages. Default: that of the process (TZ).',
  },
  PAGE_PIXEL_RATIO: decimal(
    2,
    [0.5, 4],
    'Pixels of a canvas for each pixel of the page: how sharp charts are on paper.',
  ),
  PRINT_SCALE: decimal(1, [0.1, 2], 'Scale of the print; 0.95 keeps layouts for 768 px and more on A4.'),
  BROWSER_CA_FILE: {
    parse: readAuthorityFile,
    fallback: undefined as string | undefined,
    rule: 'the path of a PEM file with certificates and nothing else',
    example: '/etc/ssl/school-ca.pem',
    meaning: "Certificate authorities of the school's own that the browser trusts. Linux only.",
  },
  STRICT_WARNINGS: list(readWarningCode, {
    rule: `codes of warnings: ${warningCodes.join(', ')}`,
    example: 'printed_while_moving',
    meaning: 'Warnings that fail a render (`page_failed`).',
  }),
} satisfies Record<string, Variable<unknown>>;

export type PageVariableName = keyof typeof pageVariables;
