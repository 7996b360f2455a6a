// Bars that grow by a CSS transition when the chart is shown, beside a spinner that never ends.

import './transition.css';
import { drawBars } from './bars.js';
import { isStill, sayReady } from './contract.js';
import { addSpinner } from './spinner.js';

/** Calls `when` with what shows the chart, and says that the page is ready. */
export function growByTransition(when) {
  document.body.classList.toggle('still', isStill);
  drawBars();
  addSpinner();
  const show = () => document.body.classList.add('shown');
  if (isStill) show();
  else when(show);
  sayReady();
}
