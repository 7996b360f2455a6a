// What PostgreSQL would do for statements: whether it reads a large table from end to end.

import type { Database } from '../../src/database/database.ts';
import type { Statement } from './statements.ts';

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  Plans?: Plan[];
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

/** Those of the statements that read one of these tables whole; they are planned, and not run. */
export async function thoseThatReadWhole(
  database: Pick<Database, 'execute'>,
  statements: readonly Statement[],
  tables: readonly string[],
): Promise<string[]> {
  const wrong: string[] = [];
  for (const { text, values } of statements) {
    const { rows } = await database.execute(`EXPLAIN (FORMAT JSON) ${text}`, values);
    const [
      {
        'QUERY PLAN': [{ Plan: plan }],
      },
    ] = rows as [{ 'QUERY PLAN': [{ Plan: Plan }] }];
    const isWhole = (node: Plan) => node['Node Type'] === 'Seq Scan' && tables.includes(node['Relation Name'] ?? '');
    if (nodesOf(plan).some(isWhole)) wrong.push(text);
  }
  return wrong;
}
