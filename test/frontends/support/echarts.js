// One chart of ECharts 6, for both of its renderers.

import * as echarts from 'echarts';
import { colour, isStill, labels, marks, sayReady } from './contract.js';

export function drawWithEcharts(renderer) {
  const app = document.querySelector('#app');
  app.style.height = '400px';
  echarts.init(app, null, { renderer }).setOption({
    ...(isStill && { animation: false }),
    xAxis: { data: labels },
    yAxis: { max: 100 },
    series: [{ type: 'bar', data: marks, color: colour, label: { show: true, position: 'top' } }],
  });
  sayReady();
}
