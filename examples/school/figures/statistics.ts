// The few statistics that the reports state; every one is computed from scores that are in the data.

export interface Summary {
  count: number;
  mean: number;
  median: number;
  lowerQuartile: number;
  upperQuartile: number;
  min: number;
  max: number;
  standardDeviation: number;
}

export interface Line {
  intercept: number;
  slope: number;
}

export interface Bin {
  from: number;
  to: number;
  count: number;
}

export interface Point {
  ses: number;
  score: number;
}

export function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function summarise(values: number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const average = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - average) ** 2, 0);
  return {
    count: values.length,
    mean: round(average),
    median: round(quantile(sorted, 0.5)),
    lowerQuartile: round(quantile(sorted, 0.25)),
    upperQuartile: round(quantile(sorted, 0.75)),
    min: round(quantile(sorted, 0)),
    max: round(quantile(sorted, 1)),
    standardDeviation: round(Math.sqrt(squares / Math.max(1, values.length - 1))),
  };
}

/** Linear interpolation between the two nearest values, as R's type 7. */
function quantile(sorted: number[], share: number): number {
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? 0;
  const above = sorted[Math.ceil(position)] ?? below;
  return below + (above - below) * (position - Math.floor(position));
}

/** Ordinary least squares of score on ses. */
export function fitLine(points: Point[]): Line {
  const meanSes = mean(points.map((point) => point.ses));
  const meanScore = mean(points.map((point) => point.score));
  const covariance = points.reduce((sum, { ses, score }) => sum + (ses - meanSes) * (score - meanScore), 0);
  const variance = points.reduce((sum, { ses }) => sum + (ses - meanSes) ** 2, 0);
  const slope = variance === 0 ? 0 : covariance / variance;
  return { intercept: round(meanScore - slope * meanSes), slope: round(slope) };
}

export function binScores(scores: number[], width: number): Bin[] {
  const lowest = -3;
  const bins = Array.from({ length: Math.ceil((25 - lowest) / width) }, (_, index) => {
    const from = lowest + index * width;
    return { from, to: from + width, count: 0 };
  });
  for (const score of scores) {
    const bin = bins[Math.min(bins.length - 1, Math.max(0, Math.floor((score - lowest) / width)))];
    if (bin) bin.count += 1;
  }
  return bins;
}

/** The share of ascending values that lie below, in percent; a value equal to it counts half. */
export function percentileOf(ascending: number[], value: number): number {
  const below = countWhile(ascending, (other) => other < value);
  const belowOrEqual = countWhile(ascending, (other) => other <= value);
  return Math.round(((below + belowOrEqual) / 2 / ascending.length) * 100);
}

/** How many values from the start hold, found by halving. */
function countWhile(ascending: number[], holds: (value: number) => boolean): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(ascending[middle] as number)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** 1 for the highest; equal values share a rank. */
export function rankOf(values: number[], value: number): number {
  return values.filter((other) => other > value).length + 1;
}

export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
