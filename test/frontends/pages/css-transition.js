// A CSS transition that begins in the first frame after the page has said that it is ready.

import { growByTransition } from '../support/transition.js';

growByTransition((show) => {
  // Asking for it lays the page out: a transition begins only from what has been there.
  document.body.getBoundingClientRect();
  requestAnimationFrame(show);
});
