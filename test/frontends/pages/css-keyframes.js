// CSS keyframes with delays, beside a spinner that never ends.

import './css-keyframes.css';
import { drawBars } from '../support/bars.js';
import { isStill, sayReady } from '../support/contract.js';
import { addSpinner } from '../support/spinner.js';

document.body.classList.toggle('still', isStill);
drawBars();
addSpinner();
sayReady();
