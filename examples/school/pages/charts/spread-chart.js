// How the scores of several groups spread: from the lowest to the highest, with the middle half as a box.
// @ts-check

import { score } from '../numbers.js';
import { categoryAxis, chart, colours, valueAxis } from './chart.js';

/** @typedef {{ label: string, summary: import('../../figures/statistics.ts').Summary }} Group */

/**
 * @param {Group[]} groups
 * @param {{ caption: string, mark?: { label: string, score: number } }} texts
 */
export function spreadChart(groups, { caption, mark }) {
  // An axis counts from the bottom; the first group belongs on top.
  const fromBottom = groups.toReversed();
  const spoken = mark ? `${mark.label}: ${score(mark.score)}. ` : '';
  return chart({
    renderer: 'svg',
    heightPx: 45 * groups.length + 76,
    label: spoken + groups.map(inWords).join(' '),
    caption,
    option: {
      grid: { left: 150, right: 20, top: 28, bottom: 48 },
      xAxis: { ...valueAxis('Score'), min: -5, max: 25, interval: 5 },
      yAxis: categoryAxis(
        '',
        fromBottom.map(({ label }) => label),
      ),
      series: [
        {
          type: 'boxplot',
          boxWidth: [18, 24],
          itemStyle: { color: '#e4edf5', borderColor: colours.main, borderWidth: 1.5 },
          data: fromBottom.map(({ summary }) => [
            summary.min,
            summary.lowerQuartile,
            summary.median,
            summary.upperQuartile,
            summary.max,
          ]),
          ...(mark && { markLine: markAt(mark) }),
        },
      ],
    },
  });
}

/** @param {{ label: string, score: number }} mark */
function markAt(mark) {
  return {
    symbol: 'none',
    lineStyle: { color: colours.marked, width: 2, type: /** @type {const} */ ('solid') },
    label: { formatter: `${mark.label} ${score(mark.score)}`, color: colours.marked, fontWeight: 600 },
    data: [{ xAxis: mark.score }],
  };
}

/** @param {Group} group */
function inWords({ label, summary }) {
  const { median, lowerQuartile, upperQuartile } = summary;
  return `${label}: median ${score(median)}, middle half from ${score(lowerQuartile)} to ${score(upperQuartile)}.`;
}
