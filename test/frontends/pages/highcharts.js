// Highcharts: its data labels fade in when the columns have grown.

import Highcharts from 'highcharts';
import { colour, isStill, labels, marks, sayReady } from '../support/contract.js';

Highcharts.chart('app', {
  chart: { type: 'column', ...(isStill && { animation: false }) },
  title: { text: 'Marks' },
  xAxis: { categories: labels },
  yAxis: { max: 100, title: { text: undefined } },
  plotOptions: { series: { dataLabels: { enabled: true }, ...(isStill && { animation: false }) } },
  series: [{ name: 'Marks', data: marks, color: colour }],
});

sayReady();
