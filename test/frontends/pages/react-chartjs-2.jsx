// Chart.js 4 in React.

import { BarElement, CategoryScale, Chart, LinearScale } from 'chart.js';
import { useEffect } from 'react';
import { Bar } from 'react-chartjs-2';
import { createRoot } from 'react-dom/client';
import { colour, isStill, labels, marks, sayReady } from '../support/contract.js';

Chart.register(CategoryScale, LinearScale, BarElement);

const data = { labels, datasets: [{ data: marks, backgroundColor: colour }] };
const options = { scales: { y: { max: 100 } }, ...(isStill && { animation: false }) };

function Report() {
  useEffect(sayReady, []);
  return <Bar data={data} options={options} />;
}

createRoot(document.querySelector('#app')).render(<Report />);
