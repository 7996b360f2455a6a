// A frontend whose pages wait for the figures that a test gives them, and that knows who opened what with which token.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach } from '@jest/globals';
import { type Pages, startPages } from './pages.ts';

/** A page that was opened, as it told its server. */
export interface OpenedPage {
  host: string;
  /** Path and query. */
  page: string;
  token: string;
  /** Whether it went away before it had its figures. */
  isClosed: boolean;
}

/** What a page gets: it shows the text, or fails with the error, or is refused by the status. */
export interface Figures {
  status?: number;
  text?: string;
  error?: string;
  /** The class that the page says it is about. */
  className?: string;
  /** Shown below the text; the page is ready when it has loaded. */
  image?: string;
  /** Where the page goes instead of showing anything. */
  goesTo?: string;
  /** An address that the page asks for besides, and does without where it gets no answer. */
  besides?: string;
}

export interface SteeredPages {
  /** Serves the pages on a free port; a test with several tenants starts them once for each. */
  start(): Promise<Pages>;
  /** The pages that this test has opened so far, wherever they are served. */
  opened: OpenedPage[];
  /** Decides what each page gets, and when; 'Figures' at once unless the test says otherwise. */
  figuresFor: (page: OpenedPage) => Figures | Promise<Figures>;
  /** Figures to wait for; they come at the latest when the test is over, so no page stays open into the next one. */
  createGate(): PromiseWithResolvers<Figures>;
}

/** Asks its server for the figures with the token that it was given; shows them and is ready, or says that it failed. */
const reportPage = `<!doctype html><html lang="en"><head><title>Report</title></head><body><script>
fetch('/figures', { method: 'POST', headers: { authorization: localStorage.getItem('token') }, body: location.pathname + location.search })
  .then(async (response) => ({ ...(response.ok ? {} : { error: 'refused' }), ...await response.json() }))
  .then(async ({ text, error, className, image, besides, goesTo }) => {
    if (goesTo) return location.assign(goesTo);
    if (besides) await fetch(besides).catch(() => undefined);
    if (className) document.head.insertAdjacentHTML('beforeend', '<meta name="pdf-class" content="' + className + '">');
    document.body.append(text);
    if (image) document.body.insertAdjacentHTML('beforeend', '<img width="300" alt="Noise" src="' + image + '">');
    await Promise.all([...document.images].map((each) => each.decode()));
    if (error) window.__PDF_ERROR__ = error; else window.__PDF_READY__ = true;
  });
</script></body></html>`;

/** For the top of a test file: every test of the file begins with no page opened and nothing held back. */
export function steerPages(): SteeredPages {
  const giveAtOnce = () => ({ text: 'Figures' });
  let gates: PromiseWithResolvers<Figures>[] = [];
  const steered: SteeredPages = {
    start: () =>
      startPages({
        '/report': reportPage,
        '/student-report': reportPage,
        '/teacher-report': reportPage,
        '/login': '<!doctype html><html lang="en"><title>Sign in</title><body><h1>Sign in</h1></body></html>',
        '/figures': giveFigures,
      }),
    opened: [],
    figuresFor: giveAtOnce,
    createGate() {
      const gate = Promise.withResolvers<Figures>();
      gates.push(gate);
      return gate;
    },
  };

  async function giveFigures(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let page = '';
    for await (const chunk of req) page += chunk;
    const { authorization: token = '', host = '' } = req.headers;
    const here = { host, page, token, isClosed: false };
    steered.opened.push(here);
    res.once('close', () => {
      here.isClosed = !res.writableFinished;
    });
    const { status = 200, ...figures } = await steered.figuresFor(here);
    if (!here.isClosed) res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(figures));
  }

  beforeEach(() => {
    steered.opened = [];
    steered.figuresFor = giveAtOnce;
  });
  afterEach(() => {
    for (const gate of gates) gate.resolve({ text: 'Too late' });
    gates = [];
  });
  return steered;
}
