// Templates in words and colours of one's own: said where they are configured, seen on paper, and left on no other sheet.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readPdf } from './support/pdf.ts';
import { isBlue, isRed, shareOf } from './support/picture-of-pdf.ts';
import { type Pipeline, pipelineOf } from './support/pipeline.ts';
import { startTestService, type TestService } from './support/service.ts';

let service: TestService;
let pipeline: Pipeline;
beforeAll(async () => {
  service = await startTestService({ origin: 'http://127.0.0.1:1', env: { RENDER_CONCURRENCY: '1' } });
  pipeline = pipelineOf(service);
  await pipeline.putList('class', 'studentId,firstName,lastName,language\nSTU1,Anjali,Kumar,en\nSTU2,மாறன்,,ta\n');
});
afterAll(() => service[Symbol.asyncDispose]());

let types = 0;
async function issueWith(options: object): Promise<{ bytes: Buffer; text: string }[]> {
  const name = `type${++types}`;
  const type = { name, retriever: 'list', generator: 'template', options: { asset: 'class', ...options } };
  const run = await pipeline.ended(await pipeline.begin(await pipeline.configure({ type }), 'run'));
  expect(run.counts).toMatchObject({ issued: 2, failed: 0 });
  const read = async ({ certificateId }: { certificateId?: string }) => {
    const path = `/certificates/${certificateId}/download`;
    const { download_url } = await pipeline.json<{ download_url: string }>('GET', path);
    const { pathname, search } = new URL(download_url);
    const bytes = Buffer.from(await (await service.get(pathname + search)).arrayBuffer());
    return { bytes, text: (await readPdf(bytes)).text };
  };
  return Promise.all(run.items.map(read));
}

test('what a template may be told is listed with it', async () => {
  const { items } = await pipeline.json<{ items: { id: string; colours: object; texts: object }[] }>(
    'GET',
    '/internal/templates',
  );
  expect(items.find(({ id }) => id === 'course-completion')).toMatchObject({
    colours: { ink: '#1d2f4f', ornament: '#b08d3f' },
    texts: { title: 'Certificate of Completion', number: 'Certificate number' },
  });
});

test('words are those of the configuration in the languages that it names, colours in all, and no other sheet has them', async () => {
  const colours = { ink: '#FF0000', ornament: '#0000ff' };
  const texts = { en: { title: 'Diploma of <b>Honour</b>', score: 'with {{score}} points' } };
  const [plain] = await issueWith({});
  const [english, tamil] = await issueWith({ colours, texts });
  const [blue] = await issueWith({ colours: { ink: '#0000ff' } });
  const [again] = await issueWith({});
  if (!plain || !english || !tamil || !blue || !again) throw new Error('a certificate is missing');
  expect(english.text).toContain('Diploma of <b>Honour</b>');
  expect(english.text).not.toContain('Certificate of Completion');
  expect(tamil.text).not.toContain('Diploma');
  for (const { bytes } of [english, tamil]) {
    // Its border and its letters; the ornaments of its corners.
    expect(await shareOf(bytes, isRed)).toBeGreaterThan(0.01);
    expect(await shareOf(bytes, isBlue)).toBeGreaterThan(0.001);
  }
  expect(await shareOf(blue.bytes, isBlue)).toBeGreaterThan(0.01);
  expect(await shareOf(blue.bytes, isRed)).toBe(0);
  for (const { bytes, text } of [plain, again]) {
    expect(text).toContain('Certificate of Completion');
    expect(await shareOf(bytes, isRed)).toBe(0);
    expect(await shareOf(bytes, isBlue)).toBe(0);
  }
});

test('what the template does not have is refused where it is configured, each by its field', async () => {
  const asked = (options: object) =>
    pipeline.refusal('POST', '/internal/certificate-types', {
      name: 'strange',
      retriever: 'list',
      generator: 'template',
      options,
    });
  expect(await asked({ templateId: 'diploma' })).toBe('422 invalid_request /options/templateId');
  expect(await asked({ colours: { ink: 'red', sky: '#0000ff' } })).toBe(
    '422 invalid_request /options/colours/ink /options/colours/sky',
  );
  expect(await asked({ colours: { sky: '#0000ff' } })).toBe('422 invalid_request /options/colours/sky');
  expect(await asked({ texts: { en: { titel: 'Diploma' }, xx: { title: 'Diploma' } } })).toBe(
    '422 invalid_request /options/texts/xx /options/texts/en/titel',
  );
  expect(await asked({ texts: { en: { title: '' } } })).toBe('422 invalid_request /options/texts/en/title');
});
