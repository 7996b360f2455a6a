// What a person sees besides reports: the sign-in form, the list of own reports, and the error page.
// @ts-check
import { get, recordCertificate, signIn, signOut } from './api.js';
import { element, paragraph } from './elements.js';

/** @param {HTMLElement} page */
export function showSignIn(page) {
  page.className = 'screen';
  const username = input('username', 'text', 'Name');
  const password = input('password', 'password', 'Password');
  const problem = element('p', { role: 'alert' });
  const form = element('form', { class: 'sign-in' }, username, password, element('button', {}, 'Sign in'), problem);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (form));
    try {
      await signIn(String(data.get('username')), String(data.get('password')));
      location.reload();
    } catch {
      problem.textContent = 'Name or password is wrong.';
    }
  });
  page.replaceChildren(element('h1', {}, 'Sign in to see reports'), form);
}

/** @param {HTMLElement} page */
export async function showHome(page) {
  page.className = 'screen';
  /** @type {import('./routes.js').Me} */
  const me = await get('me');
  const links = reportLinks(me).map(([label, href]) => element('li', {}, element('a', { href }, label)));
  page.replaceChildren(element('h1', {}, 'Reports'), element('ul', {}, ...links), signOutButton());
  if (me.userType === 'student') await addCertificates(page);
}

/**
 * What a student has completed, where the school has certificates at all.
 * @param {HTMLElement} page
 */
async function addCertificates(page) {
  const certificates = await get('certificates').catch(() => undefined);
  if (certificates === undefined) return;
  const place = element('section', {});
  page.append(place);
  const script = '/certificate.js';
  const { showCertificates } = await import(script);
  showCertificates(place, { ...certificates, record: recordCertificate });
}

/**
 * @param {HTMLElement} page
 * @param {string} code
 * @param {string} message
 */
export function showError(page, code, message) {
  document.title = 'Report not shown';
  page.replaceChildren(
    element('h1', {}, 'This report can’t be shown'),
    paragraph(message),
    paragraph(element('code', {}, code)),
    signOutButton(),
  );
}

/**
 * @param {import('./routes.js').Me} me
 * @returns {[string, string][]}
 */
function reportLinks({ userType }) {
  if (userType === 'student') return [['My report, Test 1', '/student-report?testId=1']];
  if (userType === 'teacher') {
    return [
      ['My report, Test 1', '/teacher-report?testId=1'],
      ['My report, all tests', '/teacher-report?testId=0'],
      ['Class report, Test 1', '/report?studentId=overall&testId=Test%201'],
    ];
  }
  return [['Student STU001, Test 1', '/report?studentId=STU001&testId=Test%201']];
}

function signOutButton() {
  const button = element('button', { type: 'button' }, 'Sign in as someone else');
  button.addEventListener('click', () => {
    signOut();
    location.reload();
  });
  return button;
}

/**
 * @param {string} name
 * @param {string} type
 * @param {string} label
 */
function input(name, type, label) {
  return element('label', {}, label, element('input', { name, type, required: '', autocomplete: 'on' }));
}
