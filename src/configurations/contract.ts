// The wire form of certificate types and configurations: what a request may hold, and what is answered.

import { z } from 'zod';
import { idText, nameText } from '../certificates/contract.ts';
import { pageOf, pageQuery } from '../pages.ts';
import { originField } from '../tenant-access.ts';
import { faultOfSchedule, isTimeZone, readTime } from './schedule.ts';

const options = z.record(z.string().max(100), z.unknown());
const pluginName = z.string().max(130);

export const typeBody = z.strictObject({
  name: idText,
  retriever: pluginName,
  generator: pluginName,
  options: options.default({}),
  origin: originField,
});
export type TypeBody = z.output<typeof typeBody>;
export const typeChange = typeBody.partial({ name: true });
export type TypeChange = z.output<typeof typeChange>;

export const typeAnswer = z.object({
  name: z.string(),
  retriever: z.string(),
  generator: z.string(),
  options: z.looseObject({}),
});
export const typesAnswer = pageOf(typeAnswer);
export const typesQuery = z.object({ ...pageQuery(/^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}$/), origin: originField });
export type TypesQuery = z.output<typeof typesQuery>;

const contextName = nameText.refine((text) => text.trim() !== '', { error: 'must not be empty' });
const named = { id: idText, name: contextName };
const step = z.strictObject({ ...named, options: options.optional() });
const contextForm = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('course'), ...named }),
  z.strictObject({ kind: z.literal('lesson'), ...named, course: idText }),
  z.strictObject({
    kind: z.literal('pathway'),
    ...named,
    steps: z
      .array(step)
      .min(1)
      .max(50)
      .refine((steps) => new Set(steps.map(({ id }) => id)).size === steps.length, { error: 'names a step twice' }),
  }),
]);
export type ConfiguredContext = z.output<typeof contextForm>;

const scheduleForm = z.union([
  z.strictObject({ everySeconds: z.int().min(60).max(315_360_000) }),
  z.strictObject({ cron: z.string().max(200) }),
  z.strictObject({ at: z.string().max(40) }),
]);
export type Schedule = z.output<typeof scheduleForm>;

const instant = z
  .string()
  .max(40)
  .refine((text) => readTime(text) !== undefined, { error: 'must be an instant, as ISO 8601 writes it' });
const optional = <T extends z.ZodType>(schema: T) => schema.nullish();

const settings = {
  options: options.optional(),
  mail: z.boolean().optional(),
  validForDays: optional(z.int().min(1).max(36_500)),
  remindDaysBefore: optional(z.int().min(1).max(3650)),
  schedule: scheduleForm
    .superRefine((schedule, context) => {
      const message = faultOfSchedule(schedule, new Date());
      if (message !== undefined) context.addIssue({ code: 'custom', path: [Object.keys(schedule)[0] ?? ''], message });
    })
    .optional(),
  timeZone: z
    .string()
    .max(60)
    .refine(isTimeZone, { error: 'must be the name of a time zone, as Europe/Vienna' })
    .optional(),
  opensAt: optional(instant),
  closesAt: optional(instant),
  isEnabled: z.boolean().optional(),
};

export const configurationBody = z.strictObject({
  context: contextForm,
  type: idText,
  ...settings,
  origin: originField,
});
export type ConfigurationBody = z.output<typeof configurationBody>;
/** What is named is changed; null takes away what may be left out. */
export const configurationChange = z.strictObject({ ...settings, origin: originField });
export type ConfigurationChange = z.output<typeof configurationChange>;

export const configurationAnswer = z.object({
  id: z.string(),
  context: z.looseObject({ kind: z.enum(['course', 'lesson', 'pathway']), id: z.string(), name: z.string() }),
  type: z.string(),
  options: z.looseObject({}),
  mail: z.boolean(),
  validForDays: z.int().optional(),
  remindDaysBefore: z.int().optional(),
  schedule: z.looseObject({}),
  timeZone: z.string(),
  opensAt: z.iso.datetime().optional(),
  closesAt: z.iso.datetime().optional(),
  isEnabled: z.boolean(),
  nextRuns: z.array(z.iso.datetime()).meta({ description: 'The next three; none while it is off.' }),
  lastRun: z
    .object({ id: z.string(), state: z.string(), createdAt: z.iso.datetime(), endedAt: z.iso.datetime().nullable() })
    .nullable()
    .meta({ description: 'The last that was no rehearsal.' }),
});
export const configurationsAnswer = pageOf(configurationAnswer);
export const configurationsQuery = z.object({
  ...pageQuery(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  origin: originField,
});
export type ConfigurationsQuery = z.output<typeof configurationsQuery>;

/** As it is stored. */
export interface Configuration {
  id: string;
  tenant: string;
  type: string;
  context: ConfiguredContext;
  options: Record<string, unknown>;
  mail: boolean;
  validForDays: number | null;
  remindDaysBefore: number | null;
  schedule: Schedule;
  timeZone: string;
  opensAt: Date | null;
  closesAt: Date | null;
  isEnabled: boolean;
  /** Intervals are counted from there. */
  scheduledFrom: Date;
  nextDueAt: Date | null;
  lastRun: { id: string; state: string; createdAt: string; endedAt: string | null } | null;
}

/** What a run carries out, as it was configured when it was asked for. */
export interface Plan {
  context: ConfiguredContext;
  type: string;
  retriever: string;
  generator: string;
  /** Of the type, with those of the configuration over them. */
  options: Record<string, unknown>;
  mail: boolean;
  validForDays: number | null;
  remindDaysBefore: number | null;
}
