// ECharts 6 as SVG.

import { drawWithEcharts } from '../support/echarts.js';

drawWithEcharts('svg');
