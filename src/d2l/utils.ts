// Small helpers of the book: stopwatch, running sums, accuracy, devices.

import { itemSync } from '../ops/read.ts';
import { IndexError, ShapeError, ValueError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A stopwatch that remembers its times, in seconds. */
export class Timer {
  readonly times: number[] = [];
  #begin = 0;
  constructor() {
    this.start();
  }
  /** Starts the watch. */
  start(): void {
    this.#begin = performance.now();
  }
  /** Stops it and gives the seconds since the start. */
  stop(): number {
    const s = (performance.now() - this.#begin) / 1000;
    this.times.push(s);
    return s;
  }
  /** Mean of all times. ValueError before the first stop. */
  avg(): number {
    if (this.times.length === 0) throw new ValueError('Timer.avg: there is no time yet; call stop() first');
    return this.sum() / this.times.length;
  }
  /** Sum of all times. */
  sum(): number {
    return this.times.reduce((a, b) => a + b, 0);
  }
  /** Running sums of all times. */
  cumsum(): number[] {
    let s = 0;
    return this.times.map((t) => (s += t));
  }
}

/** Running sums of n quantities. */
export class Accumulator {
  data: number[];
  constructor(n: number) {
    this.data = new Array<number>(n).fill(0);
  }
  /** Adds one value to each sum. ValueError when their number is not that of the sums. */
  add(...values: readonly number[]): void {
    if (values.length !== this.data.length)
      throw new ValueError(`Accumulator.add: ${values.length} values for ${this.data.length} sums; give one value for each`);
    this.data = this.data.map((d, i) => d + values[i]);
  }
  /** Sets all sums to 0. */
  reset(): void {
    this.data.fill(0);
  }
  /** The i-th sum. */
  get(i: number): number {
    if (!(i in this.data)) throw new IndexError(`Accumulator: there is no sum ${i}; this one has ${this.data.length}`);
    return this.data[i];
  }
}

/** Number of predictions that equal their label: `yHat` is scores [N, C, ...] over classes, or predictions of y's shape; `y` is labels [N, ...]. */
export function accuracy(yHat: Tensor, y: Tensor): number {
  const predicted = yHat.ndim > 1 && yHat.shape[1] > 1 ? yHat.argmax(1) : yHat;
  if (predicted.numel !== y.numel)
    throw new ShapeError(
      `accuracy: yHat is ${show(yHat.shape)} and y is ${show(y.shape)}; scores [N, C] or predictions [N] against labels [N] were expected`,
    );
  return itemSync(predicted.to(y.dtype).reshape(y.shape).eq(y).sum());
}

/** The CPU device. */
export const cpu = (): string => 'cpu';
/** The i-th accelerator's name. */
export const gpu = (i = 0): string => `webgpu:${i}`;
/** Number of accelerators that can be used: none in this version. */
export const numGpus = (): number => 0;
/** The i-th accelerator, or the CPU when there is none. */
export const tryGpu = (i = 0): string => (i < numGpus() ? gpu(i) : cpu());
/** All accelerators; an empty list when there is none. */
export const tryAllGpus = (): string[] => Array.from({ length: numGpus() }, (_, i) => gpu(i));
