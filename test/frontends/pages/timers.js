// Bars and a number that grow by timers, without a library and without asking for frames.

import { drawBars } from '../support/bars.js';
import { isStill, marks, sayReady } from '../support/contract.js';

const steps = 40;
const bars = drawBars();
const counter = document.createElement('p');
document.body.append(counter);

function show(step) {
  for (const [index, bar] of bars.entries()) bar.style.height = `${(marks[index] * step) / steps}%`;
  counter.textContent = `The best: ${Math.round((Math.max(...marks) * step) / steps)}`;
}

let step = isStill ? steps : 0;
show(step);
if (!isStill) {
  const timer = setInterval(() => {
    show(++step);
    if (step === steps) clearInterval(timer);
  }, 25);
}
sayReady();
