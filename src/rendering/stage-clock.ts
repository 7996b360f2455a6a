// Measures how long each stage of a render takes, and tells the caller which one has begun.

import type { Metrics } from '../metrics.ts';
import type { RenderOptions, Stage } from './contract.ts';

export class StageClock {
  readonly #metrics: Metrics;
  readonly #onStage: RenderOptions['onStage'];
  #stage: Stage = 'queue';
  #since = performance.now();

  constructor(metrics: Metrics, onStage: RenderOptions['onStage']) {
    this.#metrics = metrics;
    this.#onStage = onStage;
  }

  begin(stage: Stage): void {
    this.end();
    this.#stage = stage;
    this.#onStage?.(stage);
  }

  end(): void {
    const now = performance.now();
    this.#metrics.renderStage.observe({ stage: this.#stage }, (now - this.#since) / 1000);
    this.#since = now;
  }
}
