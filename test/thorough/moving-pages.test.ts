// Pages that still move when they say that they are ready: what is printed is their end, whatever moves them, at no cost to those that don't.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { html, openPageStage, type PageStage, ready, script } from '../support/page-stage.ts';
import { readPdf } from '../support/pdf.ts';
import { isBlue, shareOf } from '../support/picture-of-pdf.ts';

let stage: PageStage;
beforeAll(async () => {
  stage = await openPageStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

/** Counts to 90 in a second by its own clock, in the ways in which pages do. */
const counting = (code: string) => html(`<p>Marks</p><p id="n">0</p>${script(`${code} ${ready}`)}`);
const show = (share: string) => `n.textContent = Math.round(90 * Math.min(1, ${share}))`;
const end = /Marks ?90/;

describe('what a script still counts is printed at its end:', () => {
  test.each([
    [
      'by frames and performance.now()',
      `const t0 = performance.now(); const f = () => { const t = (performance.now() - t0) / 1000; ${show('t')}; if (t < 1) requestAnimationFrame(f) }; f();`,
    ],
    [
      'by frames and the time that they are given',
      `let t0; const f = (now) => { t0 ??= now; const t = (now - t0) / 1000; ${show('t')}; if (t < 1) requestAnimationFrame(f) }; requestAnimationFrame(f);`,
    ],
    [
      'by frames and Date.now()',
      `const t0 = Date.now(); const f = () => { const t = (Date.now() - t0) / 1000; ${show('t')}; if (t < 1) requestAnimationFrame(f) }; f();`,
    ],
    [
      'by frames and new Date()',
      `const t0 = new Date(); const f = () => { const t = (new Date() - t0) / 1000; ${show('t')}; if (t < 1) requestAnimationFrame(f) }; f();`,
    ],
    [
      'by functions that were taken aside before the page began',
      `const now = performance.now.bind(performance), ask = window.requestAnimationFrame.bind(window); const t0 = now();
       const f = () => { const t = (now() - t0) / 1000; ${show('t')}; if (t < 1) ask(f) }; f();`,
    ],
    [
      'one for each frame',
      'let k = 0; const f = () => { n.textContent = ++k; if (k < 90) requestAnimationFrame(f) }; requestAnimationFrame(f);',
    ],
    [
      'by an interval',
      'let k = 0; const id = setInterval(() => { n.textContent = ++k; if (k === 90) clearInterval(id) }, 20);',
    ],
    [
      'by a slow interval',
      'let k = 0; const id = setInterval(() => { n.textContent = k += 10; if (k === 90) clearInterval(id) }, 250);',
    ],
    [
      'by timers that set themselves',
      'let k = 0; const f = () => { n.textContent = ++k; if (k < 90) setTimeout(f, 15) }; setTimeout(f, 15);',
    ],
    ['after a delay', `setTimeout(() => { n.textContent = 90 }, 800);`],
    [
      'after a delay, by frames, one part after the other',
      `const step = (from, to, done) => { const t0 = performance.now(); const f = () => { const t = Math.min(1, (performance.now() - t0) / 400);
         n.textContent = Math.round(from + (to - from) * t); t < 1 ? requestAnimationFrame(f) : done() }; f() };
       setTimeout(() => step(0, 30, () => setTimeout(() => step(30, 90, () => {}), 300)), 300);`,
    ],
    [
      'in idle moments',
      'let k = 0; const f = () => { n.textContent = k += 10; if (k < 90) requestIdleCallback(f) }; requestIdleCallback(f);',
    ],
    ['by a timer whose function has arguments', 'setTimeout((a, b) => { n.textContent = a + b }, 400, 40, 50);'],
    [
      'when a promise of a timer is kept',
      'const wait = (ms) => new Promise((r) => setTimeout(r, ms)); (async () => { for (let k = 10; k <= 90; k += 10) { await wait(100); n.textContent = k } })();',
    ],
    [
      'in a component behind a shadow root',
      `n.remove(); const root = document.body.appendChild(document.createElement('div')).attachShadow({ mode: 'open' });
       const t0 = performance.now(); const f = () => { const t = (performance.now() - t0) / 1000; root.innerHTML = '<p>' + Math.round(90 * Math.min(1, t)) + '</p>'; if (t < 1) requestAnimationFrame(f) }; f();`,
    ],
    [
      'once it knows the size of its box',
      `new ResizeObserver((e, o) => { o.disconnect(); const t0 = performance.now(); const f = () => { const t = (performance.now() - t0) / 1000; ${show('t')}; if (t < 1) requestAnimationFrame(f) }; f() }).observe(n);`,
    ],
    [
      'at the end of many tasks that it gives itself, without a frame',
      'const c = new MessageChannel(); let k = 0; c.port1.onmessage = () => { if (++k < 300) c.port2.postMessage(0); else n.textContent = 90 }; c.port2.postMessage(0);',
    ],
    [
      'by messages between which a framework draws',
      `const c = new MessageChannel(); let k = 0; c.port1.onmessage = () => { n.textContent = ++k; if (k < 90) requestAnimationFrame(() => c.port2.postMessage(0)) }; c.port2.postMessage(0);`,
    ],
  ])('%s', async (_how, code) => {
    expect(await stage.print(counting(code))).toMatchObject({ status: 202, warnings: [] });
    expect((await readPdf(await stage.stored())).text).toMatch(end);
  });

  test('in a frame of the same origin', async () => {
    const inner = counting(
      `const t0 = performance.now(); const f = () => { const t = (performance.now() - t0) / 1000; ${show('t')}; if (t < 1) requestAnimationFrame(f) }; f();`,
    );
    const page = html(
      '<p>Report</p><iframe src="/inner" width="400" height="200" onload="window.__PDF_READY__ = true"></iframe>',
    );
    expect(await stage.print(page, { '/inner': inner })).toMatchObject({ status: 202, warnings: [] });
    expect((await readPdf(await stage.stored())).text).toMatch(end);
  });
});

describe('what is drawn is printed at its end:', () => {
  const bar = 'width: 600px; height: 300px; background: #00f;';
  const whole = 0.19;
  const box = (style: string, more = '') =>
    html(`<p>Marks</p><div id="box" style="${bar}"></div>${more}${script(ready)}`, `<style>${style}</style>`);

  test.each([
    [
      'a canvas that grows',
      html(
        `<p>Marks</p><canvas id="c" width="600" height="300"></canvas>${script(`const x = c.getContext('2d'); x.fillStyle = '#00f'; const t0 = performance.now();
      const f = () => { const t = Math.min(1, (performance.now() - t0) / 1000); x.clearRect(0, 0, 600, 300); x.fillRect(0, 300 - 300 * t, 600, 300 * t); if (t < 1) requestAnimationFrame(f) }; f(); ${ready}`)}`,
      ),
    ],
    [
      'what WebGL has drawn',
      html(
        `<p>Marks</p><canvas id="c" width="600" height="300"></canvas>${script(`const g = c.getContext('webgl'); g.clearColor(0, 0, 1, 1); g.clear(g.COLOR_BUFFER_BIT); ${ready}`)}`,
      ),
    ],
    ['an animation of the style', box('@keyframes grow { from { transform: scaleY(0) } } #box { animation: grow 1s }')],
    ['one that begins later', box('@keyframes show { from { opacity: 0 } } #box { animation: show 1s 2s both }')],
    [
      'one after another',
      box(
        '@keyframes a { from { opacity: 0 } to { opacity: 0 } } @keyframes b { from { opacity: 0 } } #box { animation: a 1s, b 1s 1s both }',
      ),
    ],
    [
      'a transition',
      html(
        `<p>Marks</p><div id="box" style="${bar} transition: width 1s; width: 1px"></div>${script(`requestAnimationFrame(() => requestAnimationFrame(() => { box.style.width = '600px' })); ${ready}`)}`,
      ),
    ],
    [
      'a transition that waits for the end of another',
      html(
        `<p>Marks</p><div id="box" style="${bar} transition: width .5s, height .5s; width: 1px; height: 1px"></div>${script(`box.addEventListener('transitionend', () => { box.style.height = '300px' }); requestAnimationFrame(() => requestAnimationFrame(() => { box.style.width = '600px' })); ${ready}`)}`,
      ),
    ],
    [
      'an animation of a script',
      html(
        `<p>Marks</p><div id="box" style="${bar}"></div>${script(`box.animate([{ transform: 'scaleX(0)' }, { transform: 'none' }], 1200); ${ready}`)}`,
      ),
    ],
    [
      'one whose end a script waits for',
      html(
        `<p>Marks</p><div id="box" style="${bar} width: 1px"></div>${script(`box.animate([{ opacity: 0 }, { opacity: 1 }], 900).finished.then(() => { box.style.width = '600px' }); ${ready}`)}`,
      ),
    ],
    [
      'an animation inside a drawing',
      html(
        `<p>Marks</p><svg width="600" height="300"><rect width="600" height="300" fill="#00f"><animate attributeName="height" from="0" to="300" dur="1s" fill="freeze" /></rect></svg>${script(ready)}`,
      ),
    ],
    [
      'an animation in a component',
      html(
        `<p>Marks</p><div><template shadowrootmode="open"><style>@keyframes grow { from { transform: scaleY(0) } } div { animation: grow 1s; ${bar} }</style><div></div></template></div>${script(ready)}`,
      ),
    ],
    [
      'what appears when it is scrolled to, by its style',
      box(
        '@supports (animation-timeline: view()) { @keyframes show { from { opacity: 0 } } #box { animation: show linear both; animation-timeline: view(); animation-range: entry 0% entry 100% } }',
      ),
    ],
    [
      'a page for those who want no motion',
      box('#box { display: none } @media (prefers-reduced-motion: reduce) { #box { display: block } }'),
    ],
    [
      'what moves beside something that never ends',
      box(
        '@keyframes grow { from { transform: scaleY(0) } } #box { animation: grow 1s } @keyframes turn { to { rotate: 360deg } } #spin { animation: turn 1s infinite }',
        '<p id="spin">Spinner</p>',
      ),
    ],
  ])('%s', async (_what, page) => {
    expect(await stage.print(page)).toMatchObject({ status: 202, warnings: [] });
    expect(await shareOf(await stage.stored(), isBlue)).toBeGreaterThan(whole);
  });
});

describe('what does not come to an end', () => {
  test.each([
    [
      'a text that counts for ever, by frames',
      counting('let k = 0; const f = () => { n.textContent = ++k; requestAnimationFrame(f) }; f();'),
    ],
    [
      'a text that counts for ever, by an interval',
      counting('let k = 0; setInterval(() => { n.textContent = ++k }, 40);'),
    ],
    [
      'a text that counts for ever, by timers',
      counting('let k = 0; const f = () => { n.textContent = ++k; setTimeout(f, 40) }; f();'),
    ],
    [
      'a canvas',
      html(
        `<p>Marks</p><canvas id="c"></canvas>${script(`const x = c.getContext('2d'); let k = 0; const f = () => { x.fillStyle = 'hsl(' + (k += 7) + ' 90% 50%)'; x.fillRect(0, 0, 300, 150); requestAnimationFrame(f) }; f(); ${ready}`)}`,
      ),
    ],
    [
      'a chart that takes ten seconds',
      counting(
        `const t0 = performance.now(); const f = () => { const t = (performance.now() - t0) / 10000; ${show('t')}; if (t < 1) requestAnimationFrame(f) }; f();`,
      ),
    ],
  ])('is printed with a warning: %s', async (_what, page) => {
    const answer = await stage.print(page);
    expect(answer).toMatchObject({ status: 202, warnings: ['printed_while_moving'] });
  });

  test.each([
    ['frames in which nothing changes', counting('n.textContent = 90; const f = () => requestAnimationFrame(f); f();')],
    [
      'frames on a page with a chart that stands still',
      html(
        `<p>Marks</p><p>90</p><canvas id="c"></canvas>${script(`c.getContext('2d').fillRect(0, 0, 50, 50); const f = () => requestAnimationFrame(f); f(); ${ready}`)}`,
      ),
    ],
    [
      'frames that set again what is there',
      counting("n.textContent = 90; const f = () => { n.style.opacity = '1'; requestAnimationFrame(f) }; f();"),
    ],
    ['a poll of the server', counting("n.textContent = 90; setInterval(() => fetch('/poll'), 1000);")],
    [
      'a clock of the session',
      counting("n.textContent = 90; setTimeout(() => { n.textContent = 'Signed out' }, 60000);"),
    ],
    ['timers of no delay that set themselves', counting('n.textContent = 90; const f = () => setTimeout(f); f();')],
    [
      'idle moments that are asked for again and again',
      counting('n.textContent = 90; const f = () => requestIdleCallback(f); f();'),
    ],
    [
      'an endless animation of the style',
      html(
        `<p>Marks</p><p class="spin">90</p>${script(ready)}`,
        '<style>@keyframes turn { to { opacity: .5 } } .spin { animation: turn 1s infinite alternate }</style>',
      ),
    ],
    [
      'a paused animation',
      html(
        `<p>Marks</p><p class="spin">90</p>${script(ready)}`,
        '<style>@keyframes turn { to { opacity: .9 } } .spin { animation: turn 1s paused }</style>',
      ),
    ],
  ])('keeps nobody, and is no warning: %s', async (_what, page) => {
    expect(await stage.print(page, { '/poll': '{}' })).toMatchObject({ status: 202, warnings: [] });
    expect((await readPdf(await stage.stored())).text).toMatch(end);
  });
});

describe('a page whose time is put forward', () => {
  test('does not give up what it still waits for: a time-out of 2 s beside an answer that takes less', async () => {
    const page = counting(
      `Promise.race([fetch('/late').then((a) => a.text()), new Promise((r) => setTimeout(r, 2000, 'timed out'))]).then((text) => { n.textContent = text });`,
    );
    const late = (_req: unknown, res: { end(text: string): void }) => void setTimeout(() => res.end('came'), 500);
    expect(await stage.print(page, { '/late': late })).toMatchObject({ status: 202 });
    expect((await readPdf(await stage.stored())).text).not.toContain('timed out');
  });

  test('can not tell it from any other by its functions', async () => {
    const looks = `const seen = [];
      for (const f of [setTimeout, setInterval, clearTimeout, requestAnimationFrame, cancelAnimationFrame, requestIdleCallback, Date, Date.now, performance.now, matchMedia,
        IntersectionObserver.prototype.observe, ResizeObserver.prototype.observe]) seen.push(f.toString().includes('[native code]'));
      seen.push(new Date() instanceof Date, new Date(0).constructor === Date, typeof Date() === 'string', Date.length === 7, Date.name === 'Date', setTimeout.length === 1);
      class Day extends Date { get isDay() { return true } } seen.push(new Day().isDay, new Day(0).getTime() === 0, new Day() instanceof Day);
      try { performance.now.call({}); seen.push('taken') } catch (error) { seen.push(error instanceof TypeError) }
      try { setTimeout.call({}, () => 0); seen.push('taken') } catch (error) { seen.push(error instanceof TypeError) }
      seen.push(Object.getOwnPropertyNames(window).filter((name) => /platen|settle|pdf_(?!ready|error)/i.test(name)).length === 0);
      const frames = document.body.appendChild(document.createElement('iframe')); seen.push(frames.contentWindow.Date !== Date);
      n.textContent = seen.every((each) => each === true) ? 'As any other' : JSON.stringify(seen);`;
    expect(await stage.print(counting(looks))).toMatchObject({ status: 202 });
    expect((await readPdf(await stage.stored())).text).toContain('As any other');
  });

  test('has what its callbacks throw reported, and the others are called', async () => {
    const page =
      counting(`setTimeout(() => { throw new Error('of a timer') }, 300); setTimeout(() => { n.textContent = 90 }, 600);
      requestAnimationFrame(() => requestAnimationFrame(() => { throw new Error('of a frame') }));`);
    const answer = await stage.print(page);
    expect(answer.status).toBe(202);
    expect(answer.warnings?.toSorted()).toEqual(['page_error Error: of a frame', 'page_error Error: of a timer']);
    expect((await readPdf(await stage.stored())).text).toMatch(end);
  });

  test('has timers and frames that it took back never called', async () => {
    const page = counting(`n.textContent = 90; const bad = () => { n.textContent = 'Called' };
      clearTimeout(setTimeout(bad, 300)); clearInterval(setInterval(bad, 300)); cancelAnimationFrame(requestAnimationFrame(bad)); cancelIdleCallback(requestIdleCallback(bad));
      const late = setTimeout(bad, 500); setTimeout(() => clearTimeout(late), 400); clearInterval(setTimeout(bad, 350)); setTimeout('document.title = "As text"', 10);`);
    expect(await stage.print(page)).toMatchObject({ status: 202, warnings: [] });
    expect((await readPdf(await stage.stored())).text).toMatch(end);
  });

  test('is not put forward by more than SETTLE_MS', async () => {
    const page =
      counting(`const t0 = Date.now(); setTimeout(() => { n.textContent = 'Too late' }, 3500); n.textContent = 90;
      addEventListener('beforeprint', () => { n.textContent = Date.now() - t0 < 10000 ? 'Marks 90' : 'Far ahead' });`);
    expect(await stage.print(page)).toMatchObject({ status: 202 });
    expect((await readPdf(await stage.stored())).text).toMatch(end);
  });
});

test('SETTLE_MS=0 prints a moving page as it is, and says nothing', async () => {
  await using hasty = await openPageStage({ SETTLE_MS: '0' });
  const page = counting(`setTimeout(() => { n.textContent = 90 }, 800);`);
  expect(await hasty.print(page)).toMatchObject({ status: 202, warnings: [] });
  expect((await readPdf(await hasty.stored())).text).not.toMatch(end);
});

test('a tab that was put forward serves its token again, and its next page begins in the present', async () => {
  await using keeping = await openPageStage({ REPORT_TOKEN_SECRET: undefined });
  const page =
    counting(`const off = Math.abs(Date.now() - performance.timeOrigin - performance.now()); const t0 = performance.now();
    const f = () => { const t = (performance.now() - t0) / 1000; n.textContent = Math.round(90 * Math.min(1, t)) + (off < 50 ? ' in step' : ' off by ' + off); if (t < 1) requestAnimationFrame(f) }; f();`);
  const body = {
    testId: 'Test_1',
    classId: 'CLASS_1',
    reportType: 'student',
    studentId: 'STU001',
    reportToken: 'a-token-of-the-test',
  };
  for (let round = 0; round < 3; round++) {
    expect(await keeping.print(page, {}, body)).toMatchObject({ status: 202, warnings: [] });
    expect((await readPdf(await keeping.stored())).text).toContain('Marks 90 in step');
  }
  expect(await keeping.service.metric('platen_render_tabs_total{tab="kept"}')).toBe(2);
});
