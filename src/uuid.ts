// Ids that the database makes, as they come in paths.

/** The id as the database writes it, or undefined when the text is none. */
export function readUuid(text = ''): string | undefined {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : undefined;
}
