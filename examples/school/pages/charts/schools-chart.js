// The means of all surveyed schools in order, with the class among them.
// @ts-check

import { score } from '../numbers.js';
import { categoryAxis, chart, colours, valueAxis } from './chart.js';

/** @typedef {import('../../figures/survey.ts').SchoolMean} SchoolMean */

/**
 * @param {SchoolMean[]} schools
 * @param {{ classId: string, mean: number, caption: string }} own
 */
export function schoolsChart(schools, { classId, mean, caption }) {
  const fromLowest = schools.toReversed();
  const [lowest, highest] = [fromLowest[0]?.mean ?? 0, schools[0]?.mean ?? 0];
  return chart({
    renderer: 'svg',
    heightPx: 224,
    label: `Mean scores of ${schools.length} schools run from ${score(lowest)} to ${score(highest)}; this class has ${score(mean)}.`,
    caption,
    option: {
      grid: { left: 48, right: 12, top: 24, bottom: 36 },
      xAxis: {
        ...categoryAxis(
          'Schools, from the lowest mean to the highest',
          fromLowest.map(({ title }) => title),
        ),
        axisLabel: { show: false },
        nameGap: 12,
      },
      yAxis: { ...valueAxis('Mean score'), min: 0, max: 20 },
      series: [
        {
          type: 'bar',
          barCategoryGap: '25%',
          data: fromLowest.map((school) => ({
            value: school.mean,
            itemStyle: { color: school.classId === classId ? colours.marked : colours.pale },
          })),
          markLine: {
            symbol: 'none',
            lineStyle: { color: colours.marked, width: 1.5, type: 'dashed' },
            label: {
              formatter: `This class ${score(mean)}`,
              position: 'insideStartTop',
              color: colours.marked,
              fontWeight: 600,
            },
            data: [{ yAxis: mean }],
          },
        },
      ],
    },
  });
}
