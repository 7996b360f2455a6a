// Counts what became of the render of a page: for the metrics, and for analytics by the tenant of its origin.

import { ServiceError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { codeOfWarning } from '../warnings.ts';
import type { RenderedPdf } from './contract.ts';

/** @param render tells when each of its attempts begins: waiting for a place is no time of it. */
export async function countRender(
  { tally, renderWarnings }: Metrics,
  url: string,
  render: (onBegin: () => void) => Promise<RenderedPdf>,
): Promise<RenderedPdf> {
  const { origin } = new URL(url);
  let begunAt: number | undefined;
  const onBegin = () => {
    begunAt ??= performance.now();
  };
  try {
    const pdf = await render(onBegin);
    tally.count({ origin, name: 'rendered' });
    if (begunAt !== undefined) tally.took({ origin }, performance.now() - begunAt);
    for (const warning of pdf.warnings) {
      const code = codeOfWarning(warning);
      renderWarnings.inc({ code });
      tally.count({ origin, name: 'warning', code });
    }
    return pdf;
  } catch (error) {
    // One that was cancelled, or refused before it had a place, has not failed.
    if (error instanceof ServiceError && begunAt !== undefined)
      tally.count({ origin, name: 'failure', code: error.code });
    throw error;
  }
}
