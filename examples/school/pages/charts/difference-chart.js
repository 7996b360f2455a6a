// How far each student of the class lies from what is usual for a similar background.
// @ts-check

import { difference } from '../numbers.js';
import { categoryAxis, chart, colours, valueAxis } from './chart.js';

/** @typedef {{ studentId: string, difference: number }} Row */

/**
 * @param {Row[]} rows
 * @param {string} caption
 */
export function differenceChart(rows, caption) {
  const ordered = rows.toSorted((a, b) => b.difference - a.difference);
  const above = ordered.filter((row) => row.difference > 0).length;
  const [first, last] = [ordered[0], ordered.at(-1)];
  const extremes =
    first && last ? `, from ${difference(first.difference)} to ${difference(last.difference)} points` : '';
  const fontSize = rows.length > 45 ? 8 : 10;
  const longestId = Math.max(...rows.map(({ studentId }) => studentId.length));
  return chart({
    renderer: 'svg',
    heightPx: 310,
    label: `${above} of ${rows.length} students score above what is usual for their background${extremes}.`,
    caption,
    option: {
      grid: { left: 48, right: 8, top: 12, bottom: 16 + longestId * fontSize * 0.65 },
      xAxis: {
        ...categoryAxis(
          '',
          ordered.map(({ studentId }) => studentId),
        ),
        axisLabel: { rotate: 90, interval: 0, fontSize, color: colours.ink },
        axisLine: { onZero: false, lineStyle: { color: colours.rule } },
      },
      yAxis: valueAxis('Points above or below'),
      series: [
        {
          type: 'bar',
          barCategoryGap: '25%',
          data: ordered.map((row) => ({
            value: row.difference,
            itemStyle: { color: row.difference >= 0 ? colours.main : colours.marked },
          })),
        },
      ],
    },
  });
}
