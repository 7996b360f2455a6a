// Web Animations API, one bar after another, beside a spinner that never ends.

import { drawBars } from '../support/bars.js';
import { isStill, sayReady } from '../support/contract.js';
import { addSpinner } from '../support/spinner.js';

const bars = drawBars();
addSpinner();
if (!isStill) {
  for (const [index, bar] of bars.entries()) {
    bar.animate([{ height: 0 }, {}], { duration: 900, delay: index * 100, easing: 'ease-out', fill: 'backwards' });
  }
}
sayReady();
