// Chart.js 4 on a canvas.

import { Chart } from 'chart.js/auto';
import { colour, isStill, labels, marks, sayReady } from '../support/contract.js';

const canvas = document.createElement('canvas');
document.querySelector('#app').append(canvas);

new Chart(canvas, {
  type: 'bar',
  data: { labels, datasets: [{ label: 'Marks', data: marks, backgroundColor: colour }] },
  options: { scales: { y: { max: 100, beginAtZero: true } }, ...(isStill && { animation: false }) },
});

sayReady();
