// A plug-in for tests: begins two things at once and waits for one after the other, so that nobody looks at how the second has failed.

import { definePlugin, z } from 'platen/plugin';

const options = z.object({});

/** Looks at the second only where the first has gone well. */
async function oneAfterTheOther(begin: () => Promise<unknown>): Promise<void> {
  const [first, second] = [begin(), begin()];
  await first;
  await second;
}

// biome-ignore lint/style/noDefaultExport: a plug-in is one.
export default definePlugin({
  name: 'hasty',
  version: '1.0.0',
  contract: 1,
  retrievers: [
    {
      name: 'fetch',
      title: 'Asks',
      description: '',
      options,
      async *retrieve(_context, _options, { fetch }) {
        await oneAfterTheOther(() => fetch('https://elsewhere.example/'));
      },
    },
    {
      name: 'assets',
      title: 'Reads',
      description: '',
      options,
      async *retrieve(_context, _options, { assets }) {
        await oneAfterTheOther(() => assets.read('no-such-list'));
      },
    },
  ],
  generators: [
    {
      name: 'render',
      title: 'Prints',
      description: '',
      options,
      async generate(_certificate, _options, { render }) {
        await oneAfterTheOther(() => render({ templateId: 'no-such-template' }));
        return new Uint8Array();
      },
    },
  ],
});
