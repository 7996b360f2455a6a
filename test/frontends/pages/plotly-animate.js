// Plotly animates from one state to the next.

import Plotly from 'plotly.js-basic-dist-min';
import { isStill, marks, sayReady } from '../support/contract.js';
import { layout, tracesOf } from '../support/plotly.js';

const duration = isStill ? 0 : 800;

await Plotly.newPlot('app', tracesOf([0, 0, 0, 0, 0]), layout);
const moved = Plotly.animate('app', { data: tracesOf(marks) }, { transition: { duration }, frame: { duration } });
if (isStill) await moved;
sayReady();
