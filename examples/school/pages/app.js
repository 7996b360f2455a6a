// The page's entry: signs in a person without a token, else draws the report that the address names and says it is ready.
// @ts-check
import { hasToken, ReportError } from './api.js';
import { element } from './elements.js';
import { declareFailed, declareReady, waitFor } from './readiness.js';
import { drawReport } from './routes.js';
import { showError, showHome, showSignIn } from './screens.js';

const page = /** @type {HTMLElement} */ (document.getElementById('page'));

try {
  if (!hasToken()) {
    showSignIn(page);
    // Without a token there is nothing to print: whoever waits for the report learns it at once.
    declareFailed('token_missing', 'The page was opened without a token.');
  } else if (location.pathname === '/') {
    await showHome(page);
  } else {
    await loadFonts();
    showReport(await drawReport(location.pathname, new URLSearchParams(location.search)));
    await declareReady();
  }
} catch (error) {
  const code = error instanceof ReportError ? error.code : 'page_error';
  const message = error instanceof Error ? error.message : String(error);
  showError(page, code, message);
  declareFailed(code, message);
}

/** A canvas is drawn once, with whatever font is there: those of the charts come first. */
async function loadFonts() {
  const weights = ['400', '600'].map((weight) => document.fonts.load(`${weight} 12px "Noto Sans"`));
  await waitFor('fonts of the charts', Promise.all(weights));
}

/** @param {import('./reports/report.js').Report} report */
function showReport({ title, subject, classId, content }) {
  document.title = title;
  document.head.append(
    element('meta', { name: 'pdf-subject', content: subject }),
    element('meta', { name: 'pdf-class', content: classId }),
  );
  page.replaceChildren(...content);
  // Fonts start loading at layout: without one, the promise below is already kept.
  page.getBoundingClientRect();
  waitFor('fonts', document.fonts.ready);
}
