// Motion (Framer Motion): a heading that slides in, bars on springs, a number that counts up.

import { animate, motion, useMotionValue, useTransform } from 'motion/react';
import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { isStill, labels, marks, rows, sayReady } from '../support/contract.js';

/** False: drawn at once as it will be. */
const from = (state) => !isStill && state;

function Counter({ to }) {
  const count = useMotionValue(isStill ? to : 0);
  const rounded = useTransform(count, Math.round);
  useEffect(() => animate(count, to, { duration: 1.5 }).stop, [count, to]);
  return <motion.span>{rounded}</motion.span>;
}

function Report() {
  useEffect(sayReady, []);
  return (
    <>
      <motion.h2 initial={from({ opacity: 0, x: -80 })} animate={{ opacity: 1, x: 0 }} transition={{ duration: 0.8 }}>
        The best: <Counter to={Math.max(...marks)} />
      </motion.h2>
      <div className="bars">
        {rows.map(({ label, mark }, index) => (
          <motion.div
            key={label}
            className="bar"
            style={{ height: `${mark}%` }}
            initial={from({ scaleY: 0 })}
            animate={{ scaleY: 1 }}
            transition={{ type: 'spring', delay: index * 0.1 }}
          />
        ))}
      </div>
      <div className="labels">
        {labels.map((label) => (
          <motion.span key={label} initial={from({ opacity: 0 })} animate={{ opacity: 1 }}>
            {label}
          </motion.span>
        ))}
      </div>
    </>
  );
}

createRoot(document.querySelector('#app')).render(<Report />);
