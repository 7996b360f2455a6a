// What a page owes Platen, kept as a developer would who doesn't think of animations.

export { colour, labels, marks, rows } from '../figures.ts';

/** `?still` in the address: the same page, its animations switched off by the library's own option. */
export const isStill = new URLSearchParams(location.search).has('still');

/** Said right after the first render. */
export function sayReady() {
  window.__PDF_READY__ = true;
}
