// A bar chart of plain elements, for libraries that move elements and draw no charts.

import { labels, marks } from '../figures.ts';

/** Puts the chart into `#app` and gives its bars, each as high as it will be. */
export function drawBars() {
  document.querySelector('#app').innerHTML = `
    <div class="bars">${marks.map((mark) => `<div class="bar" style="height: ${mark}%"></div>`).join('')}</div>
    <div class="labels">${labels.map((label) => `<span>${label}</span>`).join('')}</div>`;
  return document.querySelectorAll('.bar');
}
