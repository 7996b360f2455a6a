// ECharts 6 on a canvas.

import { drawWithEcharts } from '../support/echarts.js';

drawWithEcharts('canvas');
