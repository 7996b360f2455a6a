// Values as JSON that PostgreSQL takes: it has no place for U+0000 and for halves of surrogate pairs, which pages may put into their messages.

const clean = (_key: string, value: unknown) =>
  typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\ufffd') : value;

export const asJson = (value: unknown): string => JSON.stringify(value, clean);
