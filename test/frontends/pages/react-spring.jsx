// React Spring: a trail of bars.

import { animated, Globals, useTrail } from '@react-spring/web';
import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { isStill, labels, rows, sayReady } from '../support/contract.js';

Globals.assign({ skipAnimation: isStill });

function Report() {
  const trail = useTrail(rows.length, { from: { grown: 0 }, to: { grown: 1 } });
  useEffect(sayReady, []);
  return (
    <>
      <div className="bars">
        {trail.map(({ grown }, index) => (
          <animated.div
            key={labels[index]}
            className="bar"
            style={{ height: grown.to((share) => `${share * rows[index].mark}%`) }}
          />
        ))}
      </div>
      <div className="labels">
        {labels.map((label) => (
          <span key={label}>{label}</span>
        ))}
      </div>
    </>
  );
}

createRoot(document.querySelector('#app')).render(<Report />);
