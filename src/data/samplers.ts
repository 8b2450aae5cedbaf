// Samplers: in which order, and how often, a loader takes the items of a set. Random ones are seeded and make a new order each epoch.

import { numbersOf } from '../ops/random.ts';
import { sampleByWeight } from '../ops/random-host.ts';
import { ValueError } from '../runtime/errors.ts';
import { type Generator, HostRandom, permutation } from '../runtime/random.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Numbers of items, anew in every loop over it. */
export interface Sampler extends Iterable<number> {
  /** How many numbers one loop gives. */
  readonly length: number;
}

/** What a sampler needs of a set: how many items it has. */
export interface Sized {
  readonly length: number;
}

export interface RandomSamplerOptions {
  /** Items may come several times. Default false. */
  replacement?: boolean;
  /** How many. Default: as many as the set has. Without replacement, more than that start over with another order. */
  numSamples?: number;
  /** Default: the default generator. */
  generator?: Generator;
}

function checkCount(name: string, n: number): void {
  if (!(Number.isSafeInteger(n) && n >= 1)) throw new ValueError(`${name}: numSamples is ${n}; a positive whole number was expected`);
}

/** 0, 1, 2, … to the end of the set. */
export class SequentialSampler implements Sampler {
  readonly #source: Sized;
  constructor(source: Sized) {
    this.#source = source;
  }
  get length(): number {
    return this.#source.length;
  }
  *[Symbol.iterator](): Iterator<number> {
    for (let i = 0; i < this.length; i++) yield i;
  }
}

/** All items in random order, or random items. */
export class RandomSampler implements Sampler {
  readonly #source: Sized;
  readonly #replacement: boolean;
  readonly #numSamples: number | undefined;
  readonly #generator: Generator | undefined;

  constructor(source: Sized, { replacement = false, numSamples, generator }: RandomSamplerOptions = {}) {
    if (numSamples !== undefined) checkCount('RandomSampler', numSamples);
    this.#source = source;
    this.#replacement = replacement;
    this.#numSamples = numSamples;
    this.#generator = generator;
  }
  get length(): number {
    return this.#numSamples ?? this.#source.length;
  }
  *[Symbol.iterator](): Iterator<number> {
    const n = this.#source.length;
    if (n === 0) return;
    if (this.#replacement) {
      const random = new HostRandom(this.#generator);
      for (let k = 0; k < this.length; k++) yield Math.floor(random.uniform() * n);
      return;
    }
    for (let left = this.length; left > 0; left -= n) yield* permutation(n, this.#generator).subarray(0, left);
  }
}

/** The given items in random order. */
export class SubsetRandomSampler implements Sampler {
  readonly indices: readonly number[];
  readonly #generator: Generator | undefined;
  constructor(indices: Iterable<number>, { generator }: { generator?: Generator } = {}) {
    this.indices = [...indices];
    this.#generator = generator;
  }
  get length(): number {
    return this.indices.length;
  }
  *[Symbol.iterator](): Iterator<number> {
    for (const k of permutation(this.indices.length, this.#generator)) yield this.indices[k];
  }
}

/** Items drawn by weight; the weights need not sum to 1. */
export class WeightedRandomSampler implements Sampler {
  readonly #weights: Float64Array;
  readonly #replacement: boolean;
  readonly #generator: Generator | undefined;
  readonly length: number;

  /** ValueError for weights that are negative, not finite or all 0, and for more draws without replacement than positive weights. */
  constructor(
    weights: Tensor | ArrayLike<number>,
    numSamples: number,
    { replacement = true, generator }: { replacement?: boolean; generator?: Generator } = {},
  ) {
    checkCount('WeightedRandomSampler', numSamples);
    this.#weights = weights instanceof Tensor ? numbersOf(weights) : Float64Array.from(weights);
    const bad = this.#weights.findIndex((w) => !(w >= 0 && w < Number.POSITIVE_INFINITY));
    if (bad >= 0)
      throw new ValueError(`WeightedRandomSampler: weight ${bad} is ${this.#weights[bad]}; weights must be finite and at least 0`);
    const positive = this.#weights.filter((w) => w > 0).length;
    if (positive === 0) throw new ValueError('WeightedRandomSampler: no weight is above 0');
    if (!replacement && numSamples > positive)
      throw new ValueError(
        `WeightedRandomSampler: cannot draw ${numSamples} items without replacement where ${positive} weight(s) are above 0`,
      );
    this.#replacement = replacement;
    this.#generator = generator;
    this.length = numSamples;
  }
  *[Symbol.iterator](): Iterator<number> {
    const drawn = new Int32Array(this.length);
    sampleByWeight(this.#weights, drawn, this.#replacement, new HostRandom(this.#generator));
    yield* drawn;
  }
}

/** Lists of numbers: the batches of another sampler's numbers. */
export class BatchSampler implements Iterable<number[]> {
  readonly sampler: Sampler;
  readonly batchSize: number;
  readonly dropLast: boolean;

  constructor(sampler: Sampler, batchSize: number, { dropLast = false }: { dropLast?: boolean } = {}) {
    if (!Number.isSafeInteger(batchSize) || batchSize < 1)
      throw new ValueError(`BatchSampler: batchSize is ${batchSize}; a positive whole number was expected`);
    this.sampler = sampler;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
  }
  get length(): number {
    const n = this.sampler.length / this.batchSize;
    return this.dropLast ? Math.floor(n) : Math.ceil(n);
  }
  *[Symbol.iterator](): Iterator<number[]> {
    let batch: number[] = [];
    for (const i of this.sampler) {
      batch.push(i);
      if (batch.length < this.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}
