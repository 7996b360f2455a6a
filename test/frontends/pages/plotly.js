// Plotly in its default settings, in which it doesn't move.

import Plotly from 'plotly.js-basic-dist-min';
import { marks, sayReady } from '../support/contract.js';
import { layout, tracesOf } from '../support/plotly.js';

Plotly.newPlot('app', tracesOf(marks), layout);
sayReady();
