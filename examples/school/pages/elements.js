// Builds document elements, and the parts that every report is made of: names, sections, definition lists, tiles.
// @ts-check

/** @typedef {Node | string} Child */
/** @typedef {import('../figures/names.ts').DisplayName} DisplayName */

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...Child} children
 */
export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * A name keeps its own language and direction, whatever stands around it.
 * @param {DisplayName} name
 */
export function nameElement({ text, lang }) {
  return element('bdi', { lang, dir: 'auto', class: 'name' }, text);
}

/**
 * @param {string} title
 * @param {...Child} children
 */
export function section(title, ...children) {
  return element('section', {}, element('h2', {}, title), ...children);
}

/** @param {...Child} children */
export function paragraph(...children) {
  return element('p', {}, ...children);
}

/** @param {[string, Child[]][]} entries */
export function details(entries) {
  const groups = entries.map(([term, description]) =>
    element('div', {}, element('dt', {}, term), element('dd', {}, ...description)),
  );
  return element('dl', { class: 'details' }, ...groups);
}

/** @param {{ label: string, value: string, note: string }[]} figures */
export function tiles(figures) {
  const items = figures.map(({ label, value, note }) =>
    element(
      'li',
      {},
      element('span', { class: 'label' }, label),
      element('strong', {}, value),
      element('span', { class: 'note' }, note),
    ),
  );
  return element('ul', { class: 'tiles' }, ...items);
}
