// Draws one chart as a captioned figure that fits an A4 page; it grows as the library has it, and nobody waits for that.
// @ts-check

import { element } from '../elements.js';
import { echarts } from './echarts.js';

/** Narrower than A4 with 20 px margins, so a printed chart is never scaled or cut. */
const WIDTH_PX = 704;

/** Only where the address asks for it: charts that stand still at once. */
const isStill = new URLSearchParams(location.search).get('animations') === 'off';

export const colours = {
  ink: '#22303c',
  muted: '#5d6b78',
  rule: '#d5dce3',
  pale: '#b9c9d8',
  main: '#2a6592',
  marked: '#b8470f',
};

/**
 * The label is read out in place of the drawing, so it is a sentence that has the figures.
 * @param {{ renderer: 'canvas' | 'svg', heightPx: number, label: string, caption: string,
 *   option: import('echarts').EChartsOption }} parts
 */
export function chart({ renderer, heightPx, label, caption, option }) {
  const drawing = element('div', { class: 'drawing', role: 'img', 'aria-label': label });
  const instance = echarts.init(drawing, null, {
    renderer,
    width: WIDTH_PX,
    height: heightPx,
    // A canvas is printed as an image: three pixels for one keep its text sharp on paper.
    ...(renderer === 'canvas' && { devicePixelRatio: 3 }),
  });
  instance.setOption({
    ...(isStill && { animation: false }),
    textStyle: { fontFamily: 'Noto Sans, sans-serif', fontSize: 12, color: colours.ink },
    ...option,
  });
  // A bare figure would become a PDF figure without alternative text around the one that has it.
  return element('figure', { role: 'group' }, drawing, element('figcaption', {}, caption));
}

/**
 * @param {string} name
 * @returns {import('echarts').XAXisComponentOption & import('echarts').YAXisComponentOption}
 */
export function valueAxis(name) {
  return {
    type: 'value',
    name,
    nameLocation: 'middle',
    nameGap: 32,
    nameTextStyle: { color: colours.muted },
    axisLabel: { color: colours.muted, formatter: (/** @type {number} */ value) => String(value).replace('-', '−') },
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: colours.rule } },
  };
}

/**
 * @param {string} name
 * @param {string[]} data
 * @returns {import('echarts').XAXisComponentOption & import('echarts').YAXisComponentOption}
 */
export function categoryAxis(name, data) {
  return {
    type: 'category',
    name,
    nameLocation: 'middle',
    nameGap: 32,
    nameTextStyle: { color: colours.muted },
    data,
    axisLabel: { color: colours.ink, interval: 0, fontSize: 11 },
    axisTick: { show: false },
    axisLine: { onZero: false, lineStyle: { color: colours.muted } },
  };
}
