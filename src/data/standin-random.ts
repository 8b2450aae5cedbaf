// Random draws for procedural data sets: each item has a generator of its own, keyed by seed and item number, so that any item
// can be made alone and in any order. sfc32 (Doty-Humphrey's small fast counter generator) on state hashed from the key.

/** Random draws for one item. */
export class Draw {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;
  #spare = Number.NaN;

  /** Starts the draws of item `index` under `seed`. */
  constructor(seed: number, index: number) {
    this.#a = mix(seed | 0);
    this.#b = mix((Math.floor(seed / 2 ** 32) ^ 0x9e3779b9) | 0);
    this.#c = mix((index + 0x85ebca6b) | 0);
    for (let i = 0; i < 8; i++) this.bits();
  }

  /** 32 random bits as an integer from 0. */
  bits(): number {
    const t = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    return t >>> 0;
  }

  /** Uniform in [low, high). */
  range(low: number, high: number): number {
    return low + (high - low) * (this.bits() / 2 ** 32);
  }

  /** An integer from low to high, both included. */
  int(low: number, high: number): number {
    return low + (this.bits() % (high - low + 1));
  }

  /** True with probability p. */
  chance(p: number): boolean {
    return this.bits() < p * 2 ** 32;
  }

  /** Normal with the given mean and deviation, cut at three deviations. */
  normal(mean: number, deviation: number): number {
    let z = this.#spare;
    if (Number.isNaN(z)) {
      const r = Math.sqrt(-2 * Math.log((this.bits() + 1) / 2 ** 32));
      const angle = 2 * Math.PI * (this.bits() / 2 ** 32);
      this.#spare = r * Math.sin(angle);
      z = r * Math.cos(angle);
    } else this.#spare = Number.NaN;
    return mean + deviation * Math.max(-3, Math.min(3, z));
  }

  /** One of the options with the given probabilities, which sum to 1. */
  pick<T>(probabilities: readonly number[], options: readonly T[]): T {
    let u = this.bits() / 2 ** 32;
    for (let i = 0; i < options.length - 1; i++) {
      u -= probabilities[i];
      if (u < 0) return options[i];
    }
    return options[options.length - 1];
  }
}

// The finaliser of MurmurHash3: every bit of the input changes half of the output.
function mix(x: number): number {
  let h = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
