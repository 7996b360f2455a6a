// The chart, drawn in the browser; says that the page is ready as soon as it is there.

'use client';

import { useEffect } from 'react';
import { Bar, BarChart, CartesianGrid, LabelList, ResponsiveContainer, XAxis, YAxis } from 'recharts';
import { colour } from '../../../../figures.ts';

export function MarksChart({ rows, isStill }) {
  useEffect(() => {
    window.__PDF_READY__ = true;
  }, []);
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
