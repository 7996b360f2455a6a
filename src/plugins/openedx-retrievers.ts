// The built-in retrievers for Open edX: who has the grades, or has completed as much, as is asked for.

import {
  type Context,
  type Criterion,
  type Decision,
  type Learner,
  type Retriever,
  type RetrieverTools,
  z,
} from './contract.ts';
import { faultOf } from './decision.ts';
import { OpenEdxClient, type OpenEdxSettings, OpenEdxTokens } from './openedx-client.ts';
import { gradebookEntry, judgeGrades, type Policy, policyAnswer } from './openedx-grades.ts';

/** Of a user name where it is told: the reason is to be read too. */
const mostOfName = 100;

const share = z.number().min(0).max(1);
const grades = z.record(z.string().min(1).max(200), share).refine((each) => Object.keys(each).length > 0, {
  error: 'must name a grade',
});
const gradeFields = {
  required_grades: grades.meta({
    title: 'Required grades',
    description: 'From 0 to 1, by category in any case, and Total: {"Homework": 0.4, "Exam": 0.9, "Total": 0.8}.',
  }),
};
const completionFields = {
  required_completion: share.default(0.9).meta({ title: 'Required completion', description: 'From 0 to 1.' }),
};

/** What differs in one course of several, by its id. */
const stepsOf = <Fields extends z.ZodRawShape>(fields: Fields) =>
  z
    .record(z.string(), z.strictObject(fields).partial())
    .optional()
    .meta({ title: 'Steps', description: 'What differs in one course of a pathway, by its id.' });

const gradeOptions = z.strictObject({ ...gradeFields, steps: stepsOf(gradeFields) });
const completionOptions = z.strictObject({ ...completionFields, steps: stepsOf(completionFields) });
const bothOptions = z.strictObject({
  ...gradeFields,
  ...completionFields,
  steps: stepsOf({ ...gradeFields, ...completionFields }),
});

interface Wanted {
  required_grades?: Record<string, number> | undefined;
  required_completion?: number | undefined;
}

/** Of this course, where it has its own. */
function ofCourse<Own extends Wanted>(
  options: Own & { steps?: Record<string, Partial<Wanted>> | undefined },
  course: string,
) {
  return { ...options, ...options.steps?.[course] };
}

/** The course, and the part of it that counts, if only one does. */
const placeOf = ({ kind, id, course }: Context) =>
  kind === 'lesson' ? { course: course ?? id, lesson: id } : { course: id, lesson: undefined };

const completion = z.object({ percent: z.number() });
const completionEntry = z.object({
  username: z.string().min(1),
  completion,
  sequential: z.array(z.object({ block_key: z.string(), completion })).nullish(),
});

const account = z.object({
  username: z.string(),
  name: z.string().nullish(),
  email: z.string().nullish(),
  language_proficiencies: z.array(z.object({ code: z.string() })).nullish(),
});

/** Open edX has one field for the name: its last word is taken for the last name. */
function readLearner({ name, email, language_proficiencies: languages }: z.output<typeof account>): Learner {
  const words = (name ?? '').trim().split(/\s+/).filter(Boolean);
  const last = words.length > 1 ? words.pop() : undefined;
  return {
    firstName: words.join(' ') || undefined,
    lastName: last,
    email: email || undefined,
    language: languages?.[0]?.code,
  };
}

class OpenEdxRun {
  readonly #client: OpenEdxClient;
  readonly #tools: RetrieverTools;
  readonly #course: string;
  readonly #lesson: string | undefined;

  constructor(tokens: OpenEdxTokens, context: Context, tools: RetrieverTools) {
    const { course, lesson } = placeOf(context);
    this.#client = new OpenEdxClient(tokens, tools.fetch, tools.signal);
    this.#tools = tools;
    this.#course = encodeURIComponent(course);
    this.#lesson = lesson;
  }

  /** By criteria of each learner, page by page. */
  async *grades(required: Record<string, number>): AsyncIterable<Decision[]> {
    const policy = await this.#policy();
    for await (const entries of this.#entriesOf(`/api/grades/v1/gradebook/${this.#course}/`, gradebookEntry)) {
      yield entries.map(({ username, percent, section_breakdown: assignments }) => {
        const criteria = judgeGrades({ assignments, policy, required, lesson: this.#lesson });
        return decide(username, criteria, scoreOf(percent));
      });
    }
  }

  async *completions(required: number): AsyncIterable<Decision[]> {
    const fields = this.#lesson === undefined ? '' : '?requested_fields=sequential';
    const path = `/api/completion-aggregator/v1/course/${this.#course}/${fields}`;
    for await (const entries of this.#entriesOf(path, completionEntry)) {
      yield entries.map(({ username, sequential, completion: whole }) => {
        const part = sequential?.find(({ block_key }) => block_key === this.#lesson)?.completion;
        const actual = (this.#lesson === undefined ? whole : part)?.percent ?? null;
        const isMet = actual !== null && actual >= required;
        return decide(username, [{ name: 'Completion', required, actual, isMet }], {});
      });
    }
  }

  /** With what Open edX knows of those who have earned it: names are asked for nobody else. */
  async *withLearners(pages: AsyncIterable<Decision[]>): AsyncIterable<Decision> {
    for await (const decisions of pages) {
      const sound = decisions.filter((each) => this.#isSound(each));
      const earned = sound.filter(({ isEligible }) => isEligible).map(({ studentId }) => studentId);
      const learners = await this.#learners(earned);
      for (const decision of sound) {
        const learner = learners.get(decision.studentId);
        const named = learner === undefined ? decision : { ...decision, learner };
        if (learner === undefined || this.#isSound(named)) yield named;
      }
    }
  }

  /** One that can't be read is told, by nothing but the id, and holds nobody else up. */
  #isSound(decision: Decision): boolean {
    const fault = faultOf(decision);
    if (fault !== undefined) this.#tools.reject({ message: `${decision.studentId.slice(0, mostOfName)}: ${fault}` });
    return fault === undefined;
  }

  async #policy(): Promise<Policy> {
    const { success, data } = policyAnswer.safeParse(
      await this.#client.get(`/api/grades/v1/policy/courses/${this.#course}`),
    );
    if (!success) throw new Error('Open edX has no grading policy for the course');
    return data;
  }

  /** All, or the one who is asked for: then it is not a page, or a page of one. */
  async *#entriesOf<T>(path: string, entry: z.ZodType<T>): AsyncIterable<T[]> {
    const { studentId } = this.#tools;
    if (studentId === undefined) return yield* this.#client.pages(path, entry);
    const separator = path.includes('?') ? '&' : '?';
    const answer = await this.#client.get(`${path}${separator}username=${encodeURIComponent(studentId)}`);
    const { results = [answer] } = Object(answer) as { results?: unknown[] };
    yield results.flatMap((each) => {
      const { success, data } = entry.safeParse(
        Object(each).username === undefined ? { ...Object(each), username: studentId } : each,
      );
      return success ? [data] : [];
    });
  }

  async #learners(usernames: string[]): Promise<Map<string, Learner>> {
    if (usernames.length === 0) return new Map();
    const names = usernames.map(encodeURIComponent).join(',');
    const answer = await this.#client.get(`/api/user/v1/accounts?username=${names}`);
    const { success, data = [] } = z.array(account).safeParse(answer);
    if (answer !== undefined && !success) throw new Error('Open edX gave no accounts');
    return new Map(data.map((each) => [each.username, readLearner(each)]));
  }
}

/** Whoever has more than all points, or less than none, by a correction for instance, has on a certificate all of them or none. */
function scoreOf(percent: number | null | undefined): Pick<Decision, 'score' | 'maxScore'> {
  if (percent === null || percent === undefined) return {};
  return { score: Math.round(Math.min(1, Math.max(0, percent)) * 10_000) / 100, maxScore: 100 };
}

function decide(studentId: string, criteria: Criterion[], score: Pick<Decision, 'score' | 'maxScore'>): Decision {
  return { studentId, isEligible: criteria.every(({ isMet }) => isMet), criteria, ...score };
}

/** Those of the first with the criteria of the second beside theirs; of whom the second knows nothing has none of it. */
async function* joined(
  first: AsyncIterable<Decision[]>,
  second: AsyncIterable<Decision[]>,
  required: number,
): AsyncIterable<Decision[]> {
  const known = new Map<string, Criterion[]>();
  for await (const decisions of second) for (const { studentId, criteria } of decisions) known.set(studentId, criteria);
  const none = [{ name: 'Completion', required, actual: null, isMet: false }];
  for await (const decisions of first) {
    yield decisions.map(({ studentId, criteria, score, maxScore }) =>
      decide(studentId, [...criteria, ...(known.get(studentId) ?? none)], { score, maxScore }),
    );
  }
}

export function createOpenEdxRetrievers(settings: OpenEdxSettings): Retriever[] {
  const tokens = new OpenEdxTokens(settings);
  const grades: Retriever<z.output<typeof gradeOptions>> = {
    name: 'openedx-grades',
    title: 'Grades in Open edX',
    description: 'Learners whose grades in an Open edX course, or in one of its subsections, are what is asked for.',
    options: gradeOptions,
    async *retrieve(context, options, tools) {
      const { required_grades } = ofCourse(options, placeOf(context).course);
      const run = new OpenEdxRun(tokens, context, tools);
      yield* run.withLearners(run.grades(required_grades));
    },
  };
  const completions: Retriever<z.output<typeof completionOptions>> = {
    name: 'openedx-completions',
    title: 'Completion in Open edX',
    description:
      'Learners who have completed as much of an Open edX course, or of one of its subsections, as is asked for.',
    options: completionOptions,
    async *retrieve(context, options, tools) {
      const { required_completion } = ofCourse(options, placeOf(context).course);
      const run = new OpenEdxRun(tokens, context, tools);
      yield* run.withLearners(run.completions(required_completion));
    },
  };
  const both: Retriever<z.output<typeof bothOptions>> = {
    name: 'openedx-grades-and-completions',
    title: 'Grades and completion in Open edX',
    description: 'Learners with both the grades and the completion that are asked for.',
    options: bothOptions,
    async *retrieve(context, options, tools) {
      const { required_grades, required_completion } = ofCourse(options, placeOf(context).course);
      const run = new OpenEdxRun(tokens, context, tools);
      yield* run.withLearners(
        joined(run.grades(required_grades), run.completions(required_completion), required_completion),
      );
    },
  };
  return [grades, completions, both] as Retriever[];
}
