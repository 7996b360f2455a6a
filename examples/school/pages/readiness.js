// Tells whoever prints the page what it waits for, when it is ready, and that it has failed.
// @ts-check

/** @type {string[]} */
const pending = [];
/** @type {Promise<unknown>[]} */
const awaited = [];
Object.assign(window, { __PDF_PENDING__: pending });

/**
 * Names the promise in the list of what is waited for until it settles.
 * @template T
 * @param {string} name
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function waitFor(name, promise) {
  pending.push(name);
  awaited.push(promise);
  const result = await promise;
  pending.splice(pending.indexOf(name), 1);
  return result;
}

/** Ready once everything named so far has come. */
export async function declareReady() {
  await Promise.all(awaited);
  Object.assign(window, { __PDF_READY__: true });
}

/**
 * @param {string} code
 * @param {string} message
 */
export function declareFailed(code, message) {
  Object.assign(window, { __PDF_ERROR__: { code, message } });
}
