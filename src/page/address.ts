// Which addresses are the page that was asked for: its own in another spelling, in another language, or by an alias. Pure.

import { matchesPattern } from '../path-pattern.ts';

const languageNames = new Intl.DisplayNames(['en'], { type: 'language', fallback: 'none' });

/** Whether a segment is a language, as `en`, `pt-BR` or `zh_Hans`: one that has a name, since any three letters could be a tag. */
function isLanguage(segment: string): boolean {
  const [, language] = /^([a-z]{2,3})([-_][a-z0-9]{2,8}){0,3}$/i.exec(segment) ?? [];
  return language !== undefined && languageNames.of(language) !== undefined;
}

function decode(segment: string): string {
  try {
    // A slash that was encoded is no slash of the path.
    return decodeURIComponent(segment).replaceAll('/', '%2F');
  } catch {
    return segment;
  }
}

const segmentsOf = (path: string) => path.split('/').filter(Boolean).map(decode);

/** The path that a router keeps behind the hash; empty where the hash is a place on the page. */
function hashPath({ hash }: URL): string {
  const [, path = ''] = /^#!?(\/[^?#]*)/.exec(hash) ?? [];
  return path;
}

const withoutLanguage = (segments: string[]) => (isLanguage(segments[0] ?? '') ? segments.slice(1) : segments);
const join = (segments: string[]) => `/${segments.join('/')}`;

/** One spelling of the path, with what is behind the hash where that is a path too: `/app#/report`. */
function spell(url: URL, read: (segments: string[]) => string[]): string {
  const behind = read(segmentsOf(hashPath(url)));
  return join(read(segmentsOf(url.pathname))) + (behind.length === 0 ? '' : `#${join(behind)}`);
}

/** Same origin and path, whatever query, final slash and language before the path; or a path that one of the aliases names. */
export function isSamePage(address: string, asked: URL, aliases: readonly string[]): boolean {
  if (!URL.canParse(address)) return false;
  const url = new URL(address);
  if (url.origin !== asked.origin) return false;
  const path = spell(url, (segments) => segments);
  return (
    spell(url, withoutLanguage) === spell(asked, withoutLanguage) ||
    aliases.some((alias) => matchesPattern(path, alias))
  );
}
