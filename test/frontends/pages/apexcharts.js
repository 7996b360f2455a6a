// ApexCharts: bars that grow one after another.

import ApexCharts from 'apexcharts';
import { colour, isStill, labels, marks, sayReady } from '../support/contract.js';

const chart = new ApexCharts(document.querySelector('#app'), {
  chart: { type: 'bar', height: 400, ...(isStill && { animations: { enabled: false } }) },
  series: [{ name: 'Marks', data: marks }],
  colors: [colour],
  xaxis: { categories: labels },
  yaxis: { max: 100 },
});

chart.render();
sayReady();
