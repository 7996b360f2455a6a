// Asks the school's API with the token that the page was opened with.
// @ts-check
import { waitFor } from './readiness.js';

const TOKEN_KEY = 'token';

export class ReportError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export function hasToken() {
  return localStorage.getItem(TOKEN_KEY) !== null;
}

export function signOut() {
  localStorage.removeItem(TOKEN_KEY);
}

/**
 * @param {string} username
 * @param {string} password
 */
export async function signIn(username, password) {
  const { token } = await send('/api/sessions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username, password }),
  });
  localStorage.setItem(TOKEN_KEY, token);
}

/**
 * Each segment is escaped, so an id can't lead to another path.
 * @param {...string} segments
 * @returns {Promise<any>}
 */
export function get(...segments) {
  const path = ['/api', ...segments.map(encodeURIComponent)].join('/');
  const headers = { Authorization: `Bearer ${localStorage.getItem(TOKEN_KEY)}` };
  return waitFor(`GET ${path}`, send(path, { headers }));
}

/**
 * Has the certificate of a course recorded.
 * @param {{ courseId: string }} course
 */
export function recordCertificate({ courseId }) {
  return send('/api/certificates', {
    method: 'POST',
    headers: { Authorization: `Bearer ${localStorage.getItem(TOKEN_KEY)}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ courseId }),
  });
}

/**
 * @param {string} path
 * @param {RequestInit} request
 */
async function send(path, request) {
  const response = await fetch(path, request);
  if (response.ok) return response.json();
  const { error = 'api_failed' } = await response.json().catch(() => ({}));
  throw new ReportError(error, `${request.method ?? 'GET'} ${path} answered ${response.status} (${error}).`);
}
