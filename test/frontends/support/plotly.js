// What both pages of Plotly draw.

import { colour, labels } from './contract.js';

export const tracesOf = (marks) => [{ type: 'bar', x: labels, y: marks, marker: { color: colour } }];
export const layout = { width: 700, height: 450, yaxis: { range: [0, 105] } };
