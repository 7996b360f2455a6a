// A React app in strict mode that fetches its figures with the token, and shows a skeleton until they are there.

import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Area, AreaChart, Bar, BarChart, CartesianGrid, XAxis, YAxis } from 'recharts3';
import { colour, isStill, sayReady } from '../support/contract.js';

function useRows() {
  const [rows, setRows] = useState();
  useEffect(() => {
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${localStorage.getItem('token')}` };
    fetch('/api/marks', { headers, signal: leaving.signal })
      .then((response) => response.json())
      .then(setRows)
      .catch((error) => {
        if (!leaving.signal.aborted) window.__PDF_ERROR__ = String(error);
      });
    return () => leaving.abort();
  }, []);
  return rows;
}

function Report() {
  const rows = useRows();
  useEffect(() => {
    if (rows !== undefined) sayReady();
  }, [rows]);
  if (rows === undefined) return <p>Loading…</p>;
  return (
    <>
      <BarChart width={700} height={400} data={rows}>
        <CartesianGrid vertical={false} />
        <XAxis dataKey="label" />
        <YAxis domain={[0, 100]} />
        <Bar dataKey="mark" fill={colour} isAnimationActive={!isStill} />
      </BarChart>
      <AreaChart width={700} height={200} data={rows}>
        <XAxis dataKey="label" />
        <YAxis domain={[0, 100]} />
        <Area dataKey="mark" fill="#f59e0b" stroke="#b45309" isAnimationActive={!isStill} />
      </AreaChart>
    </>
  );
}

createRoot(document.querySelector('#app')).render(
  <StrictMode>
    <Report />
  </StrictMode>,
);
