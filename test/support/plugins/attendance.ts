// A plug-in for tests: gives, throws, hangs and lies as it is told to.

import { type Decision, definePlugin, z } from 'platen/plugin';

const options = z.strictObject({
  learners: z.int().min(0).default(3),
  minimum: z.number().min(0).max(100).default(50),
  criterion: z.string().default('Days'),
  fault: z.enum(['throws', 'hangs', 'rubbish', 'twice']).optional(),
  address: z.url().optional(),
});

const decide = (number: number, minimum: number, name = 'Days'): Decision => {
  const actual = (number * 37) % 101;
  const isMet = actual >= minimum;
  const learner = { firstName: `First${number}`, lastName: `Last${number}` };
  return {
    studentId: `STU${String(number).padStart(6, '0')}`,
    isEligible: isMet,
    criteria: [{ name, required: minimum, actual, isMet }],
    learner,
  };
};

// biome-ignore lint/style/noDefaultExport: a plug-in is one.
export default definePlugin({
  name: 'attendance',
  version: '1.0.0',
  contract: 1,
  retrievers: [
    {
      name: 'present',
      title: 'Who was there',
      description: 'Learners who came often enough.',
      options,
      async *retrieve(
        _context,
        { learners, minimum, criterion, fault, address }: z.output<typeof options>,
        { fetch, signal },
      ) {
        if (address !== undefined) await fetch(address);
        for (let number = 1; number <= learners; number++) {
          if (fault === 'twice') yield decide(number, 0, criterion);
          yield decide(number, minimum, criterion);
          if (fault === 'throws') throw new Error('the register is lost');
          if (fault === 'rubbish') yield { studentId: '../x' } as never;
          if (fault === 'hangs') await new Promise((resolve) => signal.addEventListener('abort', resolve));
        }
      },
    },
  ],
  generators: [
    {
      name: 'paper',
      title: 'Paper',
      description: 'Whatever it is told to give.',
      options: {
        type: 'object',
        required: ['gives'],
        properties: { gives: { enum: ['template', 'error', 'text', 'nothing'] } },
        additionalProperties: false,
      },
      async generate(_certificate, { gives }: { gives: string }, { render }) {
        if (gives === 'nothing') await new Promise(() => undefined);
        if (gives === 'error') throw new Error('out of paper');
        return gives === 'text' ? Buffer.from('no PDF') : render({ templateId: 'plain-certificate' });
      },
    },
  ],
});
