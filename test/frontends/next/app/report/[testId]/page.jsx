// The report: its heading waits for the session, its figures for a slow source, and each is sent when it is there.

import { cookies } from 'next/headers';
import { Suspense } from 'react';
import { rows } from '../../../../figures.ts';
import { MarksChart } from './marks-chart.jsx';

const slowly = (value, ms) => new Promise((resolve) => setTimeout(resolve, ms, value));

async function Marks({ isStill }) {
  return <MarksChart rows={await slowly(rows, 1000)} isStill={isStill} />;
}

// biome-ignore lint/style/noDefaultExport: Next.js takes a page by its default export
export default async function Report({ searchParams }) {
  const { still } = await searchParams;
  await slowly((await cookies()).get('jwt'), 200);
  return (
    <main>
      <h1>Marks in five tests</h1>
      <p>Out of 100, drawn by Next.js.</p>
      <Suspense fallback={<p>Loading the marks…</p>}>
        <Marks isStill={still !== undefined} />
      </Suspense>
    </main>
  );
}
