// Random numbers: counter-based (Philox 4x32-10), so a seed gives the same numbers on every device and thread count.

import { ValueError } from './errors.ts';
import { recording } from './recording.ts';

/** A stream of random numbers: a seed and how far it has been used. */
export class Generator {
  seed: number;
  /** Philox blocks (four 32-bit numbers each) used so far. */
  offset = 0;

  constructor(seed = 0) {
    this.seed = checkSeed(seed);
  }

  /** Starts the stream of `seed` from its beginning. */
  manualSeed(seed: number): this {
    if (recording !== null) recording.refuse('manualSeed() sets the state of a generator on the host');
    this.seed = checkSeed(seed);
    this.offset = 0;
    return this;
  }

  /** Reserves `blocks` Philox blocks and gives the first. */
  take(blocks: number): number {
    const at = this.offset;
    this.offset += blocks;
    if (recording !== null) recording.took(this, at, blocks);
    return at;
  }

  /** The position in the stream, to be stored in a checkpoint. */
  state(): { seed: number; offset: number } {
    return { seed: this.seed, offset: this.offset };
  }

  /** Goes back to a stored position. */
  setState(state: { seed: number; offset: number }): void {
    this.seed = checkSeed(state.seed);
    this.offset = state.offset;
  }
}

function checkSeed(seed: number): number {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new ValueError(`seed: ${seed} must be a whole number from 0 to 2^53 - 1`);
  return seed;
}

/** The generator that random functions use unless they are given one. */
export const defaultGenerator = new Generator(0);

/** Seeds the default generator. */
export const manualSeed = (seed: number): Generator => defaultGenerator.manualSeed(seed);

/** 32-bit multiplication with high and low words. */
function mulhilo(a: number, b: number): [number, number] {
  const [ah, al, bh, bl] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const mid = ah * bl + ((al * bl) >>> 16);
  const mid2 = al * bh + (mid & 0xffff);
  return [(ah * bh + Math.floor(mid / 65536) + Math.floor(mid2 / 65536)) >>> 0, Math.imul(a, b) >>> 0];
}

/**
 * One Philox 4x32-10 block on the host: key from the seed, counter from `block` (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
 * Data loaders shuffle with it, so that an order does not depend on the device.
 */
export function philox(seed: number, block: number): [number, number, number, number] {
  let k0 = seed >>> 0;
  let k1 = Math.floor(seed / 2 ** 32) >>> 0;
  let c: [number, number, number, number] = [block >>> 0, Math.floor(block / 2 ** 32) >>> 0, 0, 0];
  for (let round = 0; round < 10; round++) {
    const [h0, l0] = mulhilo(0xd2511f53, c[0]);
    const [h1, l1] = mulhilo(0xcd9e8d57, c[2]);
    c = [(h1 ^ c[1] ^ k0) >>> 0, l1, (h0 ^ c[3] ^ k1) >>> 0, l0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return c;
}

/** One uniform random number in [0, 1) on the host, of 53 bits. */
export function uniform(generator: Generator = defaultGenerator): number {
  const [high, low] = philox(generator.seed, generator.take(1));
  return ((high >>> 5) * 67108864 + (low >>> 6)) / 9007199254740992;
}

/** A random permutation of 0 … n-1 (Fisher-Yates). */
export function permutation(n: number, generator: Generator = defaultGenerator): Int32Array {
  const p = new Int32Array(n);
  for (let i = 0; i < n; i++) p[i] = i;
  const blocks = Math.ceil(n / 2);
  const first = generator.take(blocks);
  let block: number[] = [];
  for (let i = n - 1; i > 0; i--) {
    const k = n - 1 - i;
    if (k % 2 === 0) block = philox(generator.seed, first + k / 2);
    const at = (k % 2) * 2;
    // 53 bits scaled to [0, i]
    const u = ((block[at] >>> 5) * 67108864 + (block[at + 1] >>> 6)) / 9007199254740992;
    const j = Math.floor(u * (i + 1));
    const t = p[i];
    p[i] = p[j];
    p[j] = t;
  }
  return p;
}

/** Random numbers on the host, one after another, for samplers that reject: they use as many as they need. */
export class HostRandom {
  readonly #generator: Generator;
  #block: readonly number[] = [];
  #at = 4;
  #spare: number | null = null;

  constructor(generator: Generator = defaultGenerator) {
    this.#generator = generator;
  }

  /** Uniform in (0, 1), both ends excluded: 52 bits and the middle of their interval. */
  uniform(): number {
    if (this.#at >= 4) {
      this.#block = philox(this.#generator.seed, this.#generator.take(1));
      this.#at = 0;
    }
    const [hi, lo] = [this.#block[this.#at], this.#block[this.#at + 1]];
    this.#at += 2;
    return ((hi >>> 6) * 67108864 + (lo >>> 6) + 0.5) / 4503599627370496;
  }

  /** Standard normal (Box and Muller, in pairs). */
  normal(): number {
    if (this.#spare !== null) {
      const z = this.#spare;
      this.#spare = null;
      return z;
    }
    const r = Math.sqrt(-2 * Math.log(this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = r * Math.sin(angle);
    return r * Math.cos(angle);
  }
}
