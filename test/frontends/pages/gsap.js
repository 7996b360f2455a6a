// GSAP: bars that grow one after another.

import gsap from 'gsap';
import { drawBars } from '../support/bars.js';
import { isStill, sayReady } from '../support/contract.js';

const tween = gsap.from(drawBars(), { height: 0, duration: 1, stagger: 0.15 });
if (isStill) tween.progress(1);

sayReady();
