// A CSS transition that begins a while after the page has said that it is ready, until which nothing moves.

import { growByTransition } from '../support/transition.js';

growByTransition((show) => setTimeout(show, 100));
