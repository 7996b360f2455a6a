// The page's one door to the chart library, which the school serves from its package.
// @ts-check
// @ts-expect-error the path exists on the server only
import * as served from '/vendor/echarts/echarts.esm.min.mjs';

/** @type {typeof import('echarts')} */
export const echarts = served;
