// Certificate types and configurations: which certificate a course, lesson or pathway gives, by which plug-ins, with which options, and when.

import { randomUUID } from 'node:crypto';
import { recordChange } from '../audit/audit.ts';
import type { Database, Queries } from '../database/database.ts';
import { fail, invalidField } from '../errors.ts';
import { createLog } from '../log.ts';
import { allCourses, type Plugins } from '../plugins/plugins.ts';
import { readUuid } from '../uuid.ts';
import { builtInRetriever, isBuiltIn, isBuiltInType, passingAttempts } from './built-in.ts';
import {
  addConfiguration,
  changeConfiguration,
  findConfiguration,
  findConfigurations,
  findEnabled,
  findOfType,
  holdConfiguration,
  keepBuiltIn,
  type NewConfiguration,
  removeConfiguration,
} from './configuration-store.ts';
import type { Configuration, ConfigurationBody, ConfigurationChange, Plan } from './contract.ts';
import { correctDue, dueAfter, takeDue } from './due.ts';
import { mergeOptions, readOptions } from './plugin-options.ts';
import { readTime } from './schedule.ts';
import { addType, type CertificateType, changeType, findType, findTypes, removeType } from './type-store.ts';

export { mergeOptions, readOptions } from './plugin-options.ts';

const log = createLog('configurations');

const defaultSchedule = { everySeconds: 864_000 };

export interface Configurations {
  /** Makes sure that what is built in is there; the other methods do so by themselves, but for those that take part in a transaction. */
  prepare(): Promise<void>;
  /** @throws type_exists; invalid_request for plug-ins that are not installed, or options that are not theirs. */
  addType(tenant: string, type: CertificateType): Promise<CertificateType>;
  /** @throws not_found; invalid_request, also where a configuration of it would not be right any more. */
  changeType(tenant: string, type: CertificateType): Promise<CertificateType>;
  /** @throws not_found. */
  findType(tenant: string, name: string): Promise<CertificateType>;
  listTypes(tenant: string, page: { cursor: string; most: number }): Promise<CertificateType[]>;
  /** @throws not_found, type_in_use, built_in. */
  removeType(tenant: string, name: string): Promise<void>;
  /** @throws configuration_exists; invalid_request. */
  add(tenant: string, body: ConfigurationBody): Promise<Configuration>;
  /** @throws not_found; invalid_request. */
  change(tenant: string, id: string, change: ConfigurationChange): Promise<Configuration>;
  /** @throws not_found. */
  find(tenant: string, id: string): Promise<Configuration>;
  list(tenant: string, page: { cursor: string | undefined; most: number }): Promise<Configuration[]>;
  /** Those of a course, lesson or pathway that are switched on, one of each type; where it has none of its own, the one that is for all courses. */
  listEnabled(tenant: string, contextId: string): Promise<Configuration[]>;
  /** @throws not_found, built_in. */
  remove(tx: Queries, tenant: string, id: string): Promise<void>;
  /** Takes those that are due, each for one run: the next time at which it is due is written down, and what was missed meanwhile is not made up. */
  takeDue(tx: Queries): Promise<Configuration[]>;
  /** What is due later than its schedule says was put there by a clock that was ahead: it is due as the schedule says. */
  correctDue(): Promise<void>;
  /** What it means now. */
  planOf(tx: Queries, configuration: Configuration): Promise<Plan>;
}

interface Dependencies {
  database: Database;
  plugins: Plugins;
  /** Prefixes of the keys of all tenants. */
  tenants: readonly string[];
  /** STATS_WORKER_GENERATE_INTERVAL. */
  generateSeconds: number;
}

class StoredConfigurations implements Configurations {
  readonly #database: Database;
  readonly #plugins: Plugins;
  readonly #keepBuiltIn: () => Promise<void>;
  #prepared: Promise<void> | undefined;

  constructor({ database, plugins, tenants, generateSeconds }: Dependencies) {
    this.#database = database;
    this.#plugins = plugins;
    this.#keepBuiltIn = async () => {
      const builtIn = passingAttempts(generateSeconds);
      const without = await database.transaction((tx) => keepBuiltIn(tx, tenants, builtIn));
      const type = builtIn.type.name;
      for (const tenant of without)
        log.warn('Nobody is certified by attempts: another type has the name of the built-in one', { tenant, type });
    };
  }

  prepare(): Promise<void> {
    this.#prepared ??= this.#keepBuiltIn().catch((error) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async addType(tenant: string, type: CertificateType): Promise<CertificateType> {
    readOptions(this.#plugins, type, { options: type.options, isPartial: true });
    await this.prepare();
    return this.#database.transaction(async (tx) => {
      if (!(await addType(tx, { tenant, ...type }))) throw fail('type_exists');
      await recordChange(tx, { tenant, target: typeTarget(type.name), after: type });
      return type;
    });
  }

  async changeType(tenant: string, type: CertificateType): Promise<CertificateType> {
    readOptions(this.#plugins, type, { options: type.options, isPartial: true });
    await this.prepare();
    return this.#database.transaction(async (tx) => {
      const before = await findType(tx, tenant, type.name);
      if (before === undefined) throw fail('not_found');
      if (isBuiltInType(type.name) && before.retriever === builtInRetriever && type.retriever !== builtInRetriever)
        throw invalidField('/retriever', `is ${builtInRetriever} in the type that is built in`);
      await changeType(tx, { tenant, ...type });
      for (const { options } of await findOfType(tx, { tenant, type: type.name })) this.#check(type, options);
      await recordChange(tx, { tenant, target: typeTarget(type.name), before, after: type });
      return type;
    });
  }

  async findType(tenant: string, name: string): Promise<CertificateType> {
    await this.prepare();
    const type = await findType(this.#database.queries, tenant, name);
    if (type === undefined) throw fail('not_found');
    return type;
  }

  async listTypes(tenant: string, page: { cursor: string; most: number }): Promise<CertificateType[]> {
    await this.prepare();
    return findTypes(this.#database.queries, { tenant, ...page });
  }

  async removeType(tenant: string, name: string): Promise<void> {
    await this.prepare();
    await this.#database.transaction(async (tx) => {
      const before = await findType(tx, tenant, name);
      const outcome = await removeType(tx, tenant, name);
      if (outcome === 'unknown') throw fail('not_found');
      if (outcome === 'in_use') throw fail(isBuiltInType(name) ? 'built_in' : 'type_in_use');
      await recordChange(tx, { tenant, target: typeTarget(name), before });
    });
  }

  async add(tenant: string, { context, type: typeName, origin: _, ...settings }: ConfigurationBody) {
    const id = randomUUID();
    const now = new Date();
    const named = { ...withChanges(usualSettings, settings), id, tenant, type: typeName, context, scheduledFrom: now };
    const asked = { ...named, nextDueAt: dueAfter(named, now) };
    await this.#database.transaction(async (tx) => {
      const type = await findType(tx, tenant, typeName);
      if (type === undefined) throw invalidField('/type', 'is none of the certificate types');
      this.#checkAll(type, asked);
      if (!(await addConfiguration(tx, asked))) throw fail('configuration_exists');
      await recordChange(tx, { tenant, target: targetOf(id), after: toldOf(asked) });
    });
    return this.find(tenant, id);
  }

  async change(tenant: string, given: string, { origin: _, ...change }: ConfigurationChange): Promise<Configuration> {
    const id = readUuid(given);
    if (id === undefined) throw fail('not_found');
    await this.#database.transaction(async (tx) => {
      const present = await holdConfiguration(tx, { tenant, id });
      if (present === undefined) throw fail('not_found');
      const now = new Date();
      const named = { ...present, ...withChanges(present, change) };
      const isAnew = (named.isEnabled && !present.isEnabled) || change.schedule !== undefined;
      const scheduled = { ...named, scheduledFrom: isAnew ? now : present.scheduledFrom };
      const changed = { ...scheduled, nextDueAt: dueAfter(scheduled, now) };
      const type = await findType(tx, tenant, present.type);
      if (type !== undefined) this.#checkAll(type, changed);
      await changeConfiguration(tx, changed);
      await recordChange(tx, { tenant, target: targetOf(id), before: toldOf(present), after: toldOf(changed) });
    });
    return this.find(tenant, id);
  }

  async find(tenant: string, given: string): Promise<Configuration> {
    await this.prepare();
    const id = readUuid(given);
    const found = id === undefined ? undefined : await findConfiguration(this.#database.queries, { tenant, id });
    if (found === undefined) throw fail('not_found');
    return found;
  }

  async list(tenant: string, page: { cursor: string | undefined; most: number }): Promise<Configuration[]> {
    await this.prepare();
    return findConfigurations(this.#database.queries, { tenant, ...page });
  }

  async listEnabled(tenant: string, contextId: string): Promise<Configuration[]> {
    await this.prepare();
    return findEnabled(this.#database.queries, { tenant, contextIds: [contextId, allCourses] });
  }

  async remove(tx: Queries, tenant: string, given: string): Promise<void> {
    const id = readUuid(given);
    const present = id === undefined ? undefined : await holdConfiguration(tx, { tenant, id });
    if (present === undefined) throw fail('not_found');
    if (isBuiltIn(present)) throw fail('built_in');
    await removeConfiguration(tx, present);
    await recordChange(tx, { tenant, target: targetOf(present.id), before: toldOf(present) });
  }

  takeDue(tx: Queries): Promise<Configuration[]> {
    return takeDue(tx);
  }

  correctDue(): Promise<void> {
    return correctDue(this.#database.queries);
  }

  async planOf(tx: Queries, configuration: Configuration): Promise<Plan> {
    const { tenant, context, type: typeName, options, mail, validForDays, remindDaysBefore } = configuration;
    const type = await findType(tx, tenant, typeName);
    if (type === undefined) throw fail('not_found');
    const { retriever, generator } = type;
    const merged = mergeOptions(type.options, options);
    return { context, type: typeName, retriever, generator, options: merged, mail, validForDays, remindDaysBefore };
  }

  #check(type: CertificateType, options: Record<string, unknown>, at = '/options'): void {
    readOptions(this.#plugins, type, { options: mergeOptions(type.options, options), isPartial: false, at });
  }

  #checkAll(type: CertificateType, asked: NewConfiguration): void {
    const { context, options, opensAt, closesAt, ...rest } = asked;
    this.#check(type, options);
    const steps = context.kind === 'pathway' ? context.steps : [];
    for (const [index, { options: own }] of steps.entries())
      if (own !== undefined) this.#check(type, mergeOptions(options, own), `/context/steps/${index}/options`);
    if (opensAt !== null && closesAt !== null && closesAt <= opensAt)
      throw invalidField('/closesAt', 'must be after opensAt');
    if (rest.isEnabled && rest.nextDueAt === null)
      throw invalidField('at' in rest.schedule ? '/schedule/at' : '/closesAt', 'has passed: it would never be due');
    if (rest.remindDaysBefore !== null && rest.validForDays === null)
      throw invalidField('/remindDaysBefore', 'needs validForDays: what never expires reminds nobody');
    if (rest.remindDaysBefore !== null && rest.validForDays !== null && rest.remindDaysBefore >= rest.validForDays)
      throw invalidField('/remindDaysBefore', 'must be less than validForDays');
  }
}

const typeTarget = (name: string) => `certificate-types/${name}`;
const targetOf = (id: string) => `configurations/${id}`;

/** What somebody has decided of it. */
function toldOf({ type, context, options, mail, schedule, timeZone, opensAt, closesAt, ...rest }: NewConfiguration) {
  const { isEnabled, validForDays, remindDaysBefore } = rest;
  const when = { schedule, timeZone, opensAt, closesAt, isEnabled };
  return { type, context, options, mail, validForDays, remindDaysBefore, ...when };
}

type Settings = Omit<NewConfiguration, 'id' | 'tenant' | 'type' | 'context' | 'scheduledFrom' | 'nextDueAt'>;

const usualSettings: Settings = {
  options: {},
  mail: false,
  validForDays: null,
  remindDaysBefore: null,
  schedule: defaultSchedule,
  timeZone: 'UTC',
  opensAt: null,
  closesAt: null,
  isEnabled: false,
};

function withChanges(present: Settings, change: Omit<ConfigurationChange, 'origin'>): Settings {
  const timeOf = (text: string | null) => (text === null ? null : (readTime(text) ?? null));
  const { opensAt, closesAt, ...rest } = change;
  const named = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    ...present,
    ...named,
    ...(opensAt === undefined ? {} : { opensAt: timeOf(opensAt) }),
    ...(closesAt === undefined ? {} : { closesAt: timeOf(closesAt) }),
  };
}

export function createConfigurations(dependencies: Dependencies): Configurations {
  return new StoredConfigurations(dependencies);
}
