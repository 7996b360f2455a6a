// Score against socio-economic scale: every surveyed student as a shade, the class or the student on top of it.
// @ts-check
import { chart, colours, valueAxis } from './chart.js';

/** @typedef {import('../../figures/statistics.ts').Line} Line */
/** @typedef {[number, number]} Point scale value and score */

const LOWEST_SES = -3.8;
const HIGHEST_SES = 2.8;

/**
 * @param {{ lattice: [number, number, number][], line: Line, classLine?: Line }} pattern
 * @param {{ caption: string, label: string, points: Point[], pointsName: string, pointSizePx: number }} texts
 */
export function patternChart({ lattice, line, classLine }, { caption, label, points, pointsName, pointSizePx }) {
  return chart({
    renderer: 'canvas',
    heightPx: 400,
    label,
    caption,
    option: {
      legend: { top: 0, itemWidth: 18, textStyle: { color: colours.ink } },
      grid: { left: 48, right: 12, top: 36, bottom: 48 },
      xAxis: { ...valueAxis('Socio-economic scale'), min: -4, max: 3 },
      yAxis: { ...valueAxis('Score'), min: -5, max: 25, interval: 5 },
      series: [
        {
          name: 'All students (larger: more students)',
          type: 'scatter',
          data: lattice,
          symbolSize: (/** @type {number[]} */ [, , students = 0]) => Math.sqrt(students) * 2.2,
          itemStyle: { color: colours.pale, opacity: 0.8 },
        },
        lineSeries('Mean over all students', line, colours.ink),
        ...(classLine ? [lineSeries('Mean over the class', classLine, colours.marked)] : []),
        {
          name: pointsName,
          type: 'scatter',
          data: points,
          symbolSize: pointSizePx,
          itemStyle: { color: colours.marked, borderColor: '#fff', borderWidth: 1 },
          z: 5,
        },
      ],
    },
  });
}

/**
 * @param {string} name
 * @param {Line} line
 * @param {string} color
 * @returns {import('echarts').LineSeriesOption}
 */
function lineSeries(name, { intercept, slope }, color) {
  return {
    name,
    type: 'line',
    data: [LOWEST_SES, HIGHEST_SES].map((ses) => [ses, intercept + slope * ses]),
    symbol: 'none',
    lineStyle: { color, width: 1.75 },
    itemStyle: { color },
  };
}
