// A plug-in of Platen: who was there often enough, as the school's attendance service knows it, and a sheet that says so.

import { definePlugin, z } from 'platen/plugin';

const service = z.url().meta({ title: 'Attendance service', description: 'Its origin; PLUGIN_ORIGINS must name it.' });
const minimumDays = z
  .int()
  .min(1)
  .default(30)
  .meta({ title: 'Days', description: 'On which a learner must have been there.' });

/** @type {import('platen/plugin').Retriever<{ service: string, minimumDays: number }>} */
const present = {
  name: 'present',
  title: 'Attendance',
  description: 'Learners who were there on as many days as are asked for.',
  options: z.strictObject({ service, minimumDays }),
  async *retrieve(context, { service, minimumDays }, { fetch, signal, studentId, log }) {
    const address = new URL(`/attendance/${encodeURIComponent(context.id)}`, service);
    if (studentId !== undefined) address.searchParams.set('learner', studentId);
    const response = await fetch(address, { signal });
    if (!response.ok) throw new Error(`the attendance service answered ${response.status}`);
    const records = await response.json();
    log.info('Attendance was read', { learners: records.length });
    for (const { learner, days, firstName, lastName } of records) {
      const isMet = days >= minimumDays;
      yield {
        studentId: learner,
        isEligible: isMet,
        criteria: [{ name: 'Days', required: minimumDays, actual: days, isMet }],
        learner: { firstName, lastName },
      };
    }
  },
};

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeText = (text) => text.replace(/[&<>"]/g, (sign) => escapes[sign]);

const css = `@page { size: A5 landscape; margin: 0 }
body { margin: 0; font-family: Arimo; text-align: center }
main { height: 148mm; box-sizing: border-box; padding: 22mm 18mm 0; border: 3mm double #1f4e5f }
h1 { font-size: 13pt; font-weight: 400; letter-spacing: 0.12em; color: #1f4e5f; margin: 0 }
.name { font-size: 28pt; font-weight: 700; margin: 12mm 0 6mm }
.number { font-size: 8pt; color: #555; margin-top: 16mm }`;

/** @type {import('platen/plugin').Generator<{ heading: string }>} */
const sheet = {
  name: 'sheet',
  title: 'Attendance sheet',
  description: 'A small sheet with the name, the course and the day.',
  options: z.strictObject({
    heading: z.string().max(100).default('Always there').meta({ title: 'Heading' }),
  }),
  async generate({ name, courseName, issuanceDate, language, number }, { heading }, { render }) {
    const day = new Intl.DateTimeFormat(language, { dateStyle: 'long', timeZone: 'UTC' }).format(
      new Date(`${issuanceDate.slice(0, 10)}T00:00:00Z`),
    );
    const html = `<!doctype html><html lang="${escapeText(language)}"><head><meta charset="utf-8"><title>${escapeText(name)}</title>
<link rel="stylesheet" href="/fonts/arimo/400.css"><link rel="stylesheet" href="/fonts/arimo/700.css"><link rel="stylesheet" href="/sheet.css"></head>
<body><main><h1>${escapeText(heading)}</h1><p class="name">${escapeText(name)}</p><p>${escapeText(courseName)}</p><p>${escapeText(day)}</p>
<p class="number">${escapeText(number)}</p></main></body></html>`;
    return render({ html, files: { '/sheet.css': { type: 'text/css', bytes: new TextEncoder().encode(css) } } });
  },
};

// biome-ignore lint/style/noDefaultExport: that is how a plug-in is found.
export default definePlugin({
  name: 'attendance',
  version: '1.0.0',
  contract: 1,
  retrievers: [present],
  generators: [sheet],
});
