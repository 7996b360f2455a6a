// Recharts 3: bars that grow, and their labels, which come when they have grown.

import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { Bar, BarChart, CartesianGrid, LabelList, ResponsiveContainer, XAxis, YAxis } from 'recharts3';
import { colour, isStill, rows, sayReady } from '../support/contract.js';

function Report() {
  useEffect(sayReady, []);
  return (
    <ResponsiveContainer width="100%" height={400}>
      <BarChart data={rows}>
        <CartesianGrid vertical={false} />
        <XAxis dataKey="label" />
        <YAxis domain={[0, 100]} />
        <Bar dataKey="mark" fill={colour} isAnimationActive={!isStill}>
          <LabelList position="top" />
        </Bar>
      </BarChart>
    </ResponsiveContainer>
  );
}

createRoot(document.querySelector('#app')).render(<Report />);
