// A Vue 3 app: Chart.js through vue-chartjs, and a list whose rows slide in.

import './vue.css';
import { BarElement, CategoryScale, Chart, LinearScale } from 'chart.js';
import { createApp, onMounted } from 'vue';
import { Bar } from 'vue-chartjs';
import { colour, isStill, labels, marks, rows, sayReady } from '../support/contract.js';

Chart.register(CategoryScale, LinearScale, BarElement);

const Report = {
  components: { Bar },
  setup() {
    onMounted(sayReady);
    const data = { labels, datasets: [{ data: marks, backgroundColor: colour }] };
    const options = { scales: { y: { max: 100 } }, ...(isStill && { animation: false }) };
    return { data, options, rows, isStill };
  },
  template: `
    <Bar :data="data" :options="options" />
    <TransitionGroup tag="ul" name="row" appear :css="!isStill">
      <li v-for="row in rows" :key="row.label">{{ row.label }}: {{ row.mark }}</li>
    </TransitionGroup>`,
};

createApp(Report).mount('#app');
