// How many students of the class scored how much.
// @ts-check

import { score } from '../numbers.js';
import { categoryAxis, chart, colours, valueAxis } from './chart.js';

/** @typedef {import('../../figures/statistics.ts').Bin} Bin */

/**
 * @param {Bin[]} bins
 * @param {{ caption: string, label: string, ownScore?: number }} texts
 */
export function distributionChart(bins, { caption, label, ownScore }) {
  const ranges = bins.map(({ from, to }) => `${String(from).replace('-', '−')} to ${String(to).replace('-', '−')}`);
  const data = bins.map((bin) => {
    const isOwn = ownScore !== undefined && ownScore >= bin.from && ownScore < bin.to;
    return { value: bin.count, itemStyle: { color: isOwn ? colours.marked : colours.main } };
  });
  return chart({
    renderer: 'svg',
    heightPx: 224,
    label,
    caption,
    option: {
      grid: { left: 48, right: 8, top: 24, bottom: 52 },
      xAxis: { ...categoryAxis('Score', ranges), axisLabel: { color: colours.ink, interval: 0, fontSize: 10 } },
      yAxis: { ...valueAxis('Students'), minInterval: 1 },
      series: [
        {
          type: 'bar',
          barCategoryGap: '12%',
          data,
          label: {
            show: true,
            position: 'top',
            color: colours.ink,
            formatter: ({ value }) => (value === 0 ? '' : String(value)),
          },
        },
      ],
    },
  });
}

/**
 * The same figures as a sentence.
 * @param {Bin[]} bins
 */
export function distributionInWords(bins) {
  const parts = bins
    .filter(({ count }) => count > 0)
    .map(({ from, to, count }) => `${count} from ${score(from)} to ${score(to)}`);
  return `Students of the class by score: ${parts.join(', ')}.`;
}
