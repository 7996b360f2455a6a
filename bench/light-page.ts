// Light report pages of the bench's own: eighty cards and a chart of plain JavaScript, which grows for a second or stands still; and the same with what a frontend brings along.

import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { type Pages, startPages } from '../test/support/pages.ts';

/** How the page behaves: without animation; with it, and ready at once as most pages are; with it, and ready when it has ended. */
export type Behaviour = 'still' | 'moving' | 'waiting';

const cards = Array.from(
  { length: 80 },
  (_, index) =>
    `<div class="card"><h3>Card ${index}</h3><p>Some text about the marks of student ${index}: ${(index * 7) % 100} of 100.</p></div>`,
).join('');

/** Draws a share of the bars, in SVG and on a canvas, and says whether they have grown up. */
const chart = `
const values = Array.from({ length: 12 }, (_, index) => 20 + (index * 37) % 80);
const bars = document.querySelector('svg'), context = document.querySelector('canvas').getContext('2d');
function draw(share) {
  bars.innerHTML = values.map((value, index) =>
    '<rect fill="#2a6592" x="' + index * 50 + '" y="' + (100 - value * share) + '" width="40" height="' + value * share + '"/>').join('');
  context.clearRect(0, 0, 600, 100);
  values.forEach((value, index) => context.fillRect(index * 50, 100 - value * share, 40, value * share));
}
function grow(behaviour) {
  if (behaviour === 'still') return draw(1);
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const step = () => {
      const share = Math.min(1, (performance.now() - startedAt) / 1000);
      draw(share);
      if (share < 1) requestAnimationFrame(step); else resolve();
    };
    requestAnimationFrame(step);
  });
}`;

const page = `<!doctype html><html lang="en"><head><title>Report</title><style>
.card { border: 1px solid #ccc; margin: 8px; padding: 8px }</style></head><body>
<svg width="600" height="100"></svg><canvas width="600" height="100"></canvas><main></main><script>${chart}
fetch('/figures').then((response) => response.text()).then(async (cards) => {
  document.querySelector('main').innerHTML = cards;
  const behaviour = new URLSearchParams(location.search).get('studentId');
  const grown = grow(behaviour);
  if (behaviour === 'waiting') await grown;
  window.__PDF_READY__ = true;
});
</script></body></html>`;

/** What a page of a common frontend loads beside its figures, and the browser keeps: a bundle of 1 MB and nine style sheets. */
const sheets = Array.from({ length: 9 }, (_, index) => `/sheet-${index}.css`);
const bundle = new URL('../node_modules/echarts/dist/echarts.min.js', import.meta.url);

const kept = (type: string, body: string | Buffer) => (_req: unknown, res: ServerResponse) =>
  res.writeHead(200, { 'content-type': type, 'cache-control': 'public, max-age=31536000, immutable' }).end(body);

const sheetText = (sheet: number) =>
  Array.from(
    { length: 100 },
    (_, rule) => `.sheet-${sheet} .rule-${rule} { margin: ${rule}px; color: #${100 + rule} }`,
  ).join('\n');

/** A page as most frontends make it, of which every student has the same: cards, charts of a library, loaded from the cache. */
const bundledPage = (charts: number) => `<!doctype html><html lang="en"><head><title>Report</title>
${sheets.map((path) => `<link rel="stylesheet" href="${path}">`).join('')}<style>.card { border: 1px solid #ccc; margin: 8px; padding: 8px }</style>
</head><body>${'<div class="chart" style="width: 600px; height: 200px"></div>'.repeat(charts)}<main></main><script src="/bundle.js"></script><script>
fetch('/figures').then((response) => response.text()).then((cards) => {
  document.querySelector('main').innerHTML = cards;
  for (const chart of document.querySelectorAll('.chart'))
    echarts.init(chart, null, { renderer: 'svg' }).setOption({ animation: false,
      xAxis: { data: ['a', 'b', 'c', 'd'] }, yAxis: {}, series: [{ type: 'bar', data: [12, 40, 33, 21] }] });
  window.__PDF_READY__ = true;
});
</script></body></html>`;

/** Serves it at `/report`, with so many charts. */
export const startBundledPage = async (charts: number): Promise<Pages> =>
  startPages({
    '/report': bundledPage(charts),
    '/figures': cards,
    '/bundle.js': kept('text/javascript', await readFile(bundle)),
    ...Object.fromEntries(sheets.map((path, index) => [path, kept('text/css', sheetText(index))])),
  });

/** Serves it at `/report`; its student is how it behaves. */
export const startLightPage = (): Promise<Pages> => startPages({ '/report': page, '/figures': cards });
