// Measures how long each stage of a render takes, for metrics and traces, and tells the caller which one has begun.

import type { Metrics } from '../metrics.ts';
import { type OpenSpan, openSpan } from '../tracing.ts';
import type { RenderOptions, Stage } from './contract.ts';

export class StageClock {
  readonly #metrics: Metrics;
  readonly #onStage: RenderOptions['onStage'];
  readonly #render = openSpan('render');
  #stage: Stage = 'queue';
  #span: OpenSpan;
  #since = performance.now();

  constructor(metrics: Metrics, onStage: RenderOptions['onStage']) {
    this.#metrics = metrics;
    this.#onStage = onStage;
    this.#span = this.#openStage();
  }

  begin(stage: Stage): void {
    this.#endStage();
    this.#stage = stage;
    this.#span = this.#openStage();
    this.#onStage?.(stage);
  }

  end(): void {
    this.#endStage();
    this.#render.end();
  }

  #openStage(): OpenSpan {
    return this.#render.child(`render ${this.#stage}`);
  }

  #endStage(): void {
    const now = performance.now();
    this.#metrics.renderStage.observe({ stage: this.#stage }, (now - this.#since) / 1000);
    this.#since = now;
    this.#span.end();
  }
}
