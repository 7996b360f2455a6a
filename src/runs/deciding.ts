// Asks the retriever of a plan who has earned the certificate: once for a course or lesson, step by step for a pathway, which wants every one.

import { mergeOptions, readOptions } from '../configurations/configurations.ts';
import type { Plan } from '../configurations/contract.ts';
import type { Context, Criterion, RetrieverTools, Step } from '../plugins/contract.ts';
import { allCourses, type Backlog, type OwnDecision, type Plugins } from '../plugins/plugins.ts';

type Steps = Readonly<Record<string, Omit<Step, 'id'>>>;

interface Asked {
  tenant: string;
  signal: AbortSignal;
  /** The only one who is asked for; undefined for all. */
  studentId?: string | undefined;
  isOnlyNew?: boolean | undefined;
  reject: RetrieverTools['reject'];
}

interface Question {
  /** Of a pathway. */
  stepId: string | undefined;
  context: Context;
  options: Record<string, unknown>;
}

function questionsOf({ context, options }: Plan): Question[] {
  if (context.kind !== 'pathway') return [{ stepId: undefined, context, options }];
  return context.steps.map(({ id, name, options: own = {} }) => ({
    stepId: id,
    context: { kind: 'course', id, name },
    options: mergeOptions(options, own),
  }));
}

/** All decisions, each with the step that it is about. @throws retriever_failed; invalid_request where the options are not right any more. */
export async function* decide(
  plugins: Plugins,
  plan: Plan,
  asked: Asked,
): AsyncIterable<{ stepId: string | undefined; decision: OwnDecision }> {
  for (const { stepId, context, options } of questionsOf(plan)) {
    const { retriever } = readOptions(plugins, plan, { options, isPartial: false });
    const decisions = plugins.retrieve(plan.retriever, { ...asked, context, options: retriever });
    for await (const decision of decisions) yield { stepId, decision };
  }
}

/** Whether it is for all courses: then each decision says which one it is about. */
export const isForAll = ({ context }: Plan): boolean => context.id === allCourses;

/** What is still to be decided by a plan, where that is known: of the one that is for all courses. */
export const backlogOf = (plugins: Plugins, plan: Plan): Backlog | undefined =>
  isForAll(plan) ? plugins.backlogOf(plan.retriever) : undefined;

export interface Conclusion {
  isEligible: boolean;
  criteria: Criterion[];
  steps?: Step[] | undefined;
}

/** With every step of a pathway, those too of which nothing is known. */
export function conclude(
  { context }: Plan,
  { isEligible, criteria, steps }: { isEligible: boolean; criteria: Criterion[]; steps: Steps | null },
): Conclusion {
  const known = steps ?? {};
  if (context.kind !== 'pathway') {
    const own = Object.entries(known).map(([id, step]) => ({ id, ...step }));
    return { isEligible, criteria, ...(own.length === 0 ? {} : { steps: own }) };
  }
  const all = context.steps.map(({ id }) => ({ id, ...(known[id] ?? { isEligible: false, criteria: [] }) }));
  return { isEligible: all.every((step) => step.isEligible), criteria, steps: all };
}

/** What one learner is told now; whom the retriever does not know is not eligible. */
export async function decideOne(
  plugins: Plugins,
  plan: Plan,
  asked: Asked & { studentId: string },
): Promise<Conclusion> {
  const steps: Record<string, Omit<Step, 'id'>> = {};
  for await (const { stepId, decision } of decide(plugins, plan, asked)) {
    const { isEligible, criteria, steps: own = [] } = decision;
    const ownSteps = Object.fromEntries(own.map(({ id, ...step }) => [id, step]));
    if (stepId === undefined) return conclude(plan, { isEligible, criteria, steps: ownSteps });
    steps[stepId] ??= { isEligible, criteria };
  }
  return conclude(plan, { isEligible: false, criteria: [], steps });
}
