// D3: transitions that start one after another, and labels that count up.

import * as d3 from 'd3';
// D3 says of itself that it has no side effects, so a build leaves out what transitions add to selections.
import 'd3-transition';
import { colour, isStill, labels, rows, sayReady } from '../support/contract.js';

const [width, height, margin] = [700, 400, 30];
const x = d3.scaleBand(labels, [margin, width - margin]).padding(0.3);
const y = d3.scaleLinear([0, 100], [height - margin, margin]);

const svg = d3.select('#app').append('svg').attr('width', width).attr('height', height);
svg
  .append('g')
  .attr('transform', `translate(${margin},0)`)
  .call(d3.axisLeft(y).tickSize(2 * margin - width))
  .call((axis) => axis.selectAll('.tick line').attr('stroke-opacity', 0.1));
svg
  .append('g')
  .attr('transform', `translate(0,${height - margin})`)
  .call(d3.axisBottom(x));

/** D3 has no option for it: without a transition the end is set at once. */
const moving = (selection) => {
  if (isStill) return selection;
  return selection
    .transition()
    .duration(750)
    .delay((_, index) => index * 150);
};

const bars = svg
  .selectAll('rect')
  .data(rows)
  .join('rect')
  .attr('x', ({ label }) => x(label))
  .attr('width', x.bandwidth())
  .attr('y', y(0))
  .attr('height', 0)
  .attr('fill', colour);
moving(bars)
  .attr('y', ({ mark }) => y(mark))
  .attr('height', ({ mark }) => y(0) - y(mark));

const texts = svg
  .selectAll('.mark')
  .data(rows)
  .join('text')
  .attr('class', 'mark')
  .attr('text-anchor', 'middle')
  .attr('x', ({ label }) => x(label) + x.bandwidth() / 2)
  .attr('y', ({ mark }) => y(mark) - 5);
if (isStill) texts.text(({ mark }) => mark);
else moving(texts).textTween(({ mark }) => d3.interpolateRound(0, mark));

sayReady();
