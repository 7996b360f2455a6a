// Lists that are given page by page: what is asked for, and where the next page begins.

import { z } from 'zod';

/** Of a list whose places are written so. */
export const pageQuery = (place: RegExp) => ({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z
    .string()
    .regex(place, { error: 'must be the `next` of a page' })
    .optional()
    .meta({ description: '`next` of the page before.' }),
});

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().meta({ description: 'Where the next page begins, null on the last.' }),
  });

/** @param found one more than fits, where there are more. */
export function cutPage<T>(found: readonly T[], limit: number, placeOf: (item: T) => string) {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? placeOf(last) : null };
}
