// What an instruction costs, counted from its words (docs/instruction-set.md): multiplications and additions, and the bytes of its operands as
// if each element were moved once. Both are lower bounds by which measured times become rates.

/** Operations and bytes of one or more instructions. */
export interface Work {
  flops: number;
  bytes: number;
}

/** Bytes of an element, by dtype code. */
export const elementBytes: readonly number[] = [4, 8, 8, 4, 1, 1, 2, 2];

/** Product of `count` words from `at` on. */
function product(w: Float64Array, at: number, count: number): number {
  let n = 1;
  for (let i = 0; i < count; i++) n *= w[at + i];
  return n;
}

/** Elements that an operand has in memory: sizes at `shape`, strides at `strides`; a stride of 0 repeats. */
function elements(w: Float64Array, shape: number, strides: number, count: number): number {
  let n = 1;
  for (let i = 0; i < count; i++) if (w[strides + i] !== 0) n *= w[shape + i];
  return n;
}

function ewise(w: Float64Array, o: number): Work {
  const operands = w[o + 3] + w[o + 4];
  const nd = w[o + 6];
  const shape = o + 9 + 2 * operands;
  let bytes = 0;
  for (let i = 0; i < operands; i++) bytes += elements(w, shape, shape + nd + i * nd, nd) * elementBytes[w[o + 10 + 2 * i]];
  return { flops: 0, bytes };
}

function reduce(w: Float64Array, o: number): Work {
  const [nIn, kept, red] = [w[o + 3], w[o + 5], w[o + 6]];
  const shape = o + 13 + 2 * nIn;
  const keptStrides = shape + kept + red;
  const redStrides = keptStrides + nIn * kept;
  let bytes = product(w, shape, kept) * elementBytes[w[o + 10]];
  for (let i = 0; i < nIn; i++) {
    const n = elements(w, shape, keptStrides + i * kept, kept) * elements(w, shape + kept, redStrides + i * red, red);
    bytes += n * elementBytes[w[o + 14 + 2 * i]];
  }
  return { flops: 0, bytes };
}

function matmul(w: Float64Array, o: number): Work {
  const [m, n, k, nb] = [w[o + 3], w[o + 4], w[o + 5], w[o + 14]];
  const shape = o + 19;
  const batch = product(w, shape, nb);
  const a = elements(w, shape, shape + nb, nb) * m * k;
  const b = elements(w, shape, shape + 2 * nb, nb) * k * n;
  return { flops: 2 * batch * m * n * k, bytes: (a + b + batch * m * n) * elementBytes[w[o + 2]] };
}

function convolution(w: Float64Array, o: number): Work {
  const [n, cin, h, width, cout] = [w[o + 3], w[o + 4], w[o + 5], w[o + 6], w[o + 7]];
  const outputs = n * cout * w[o + 17] * w[o + 18];
  const taps = (cin / w[o + 16]) * w[o + 8] * w[o + 9];
  return { flops: 2 * outputs * taps, bytes: (n * cin * h * width + cout * taps + outputs) * elementBytes[w[o + 2]] };
}

function pooling(w: Float64Array, o: number): Work {
  const [planes, outputs] = [w[o + 4], w[o + 15] * w[o + 16]];
  const index = w[o + 3] === 0 && w[o + 19] !== 0 ? 4 * outputs : 0;
  return { flops: 0, bytes: planes * ((w[o + 5] * w[o + 6] + outputs) * elementBytes[w[o + 2]] + index) };
}

function recurrent(w: Float64Array, o: number): Work {
  const backward = w[o] === 41;
  const [T, N, I, H] = [w[o + 4], w[o + 5], w[o + 6], w[o + 7]];
  const gates = [1, 1, 4, 3][w[o + 3]];
  const slots = [0, 0, 4, 4][w[o + 3]];
  const weights = gates * H * (I + H);
  const cells = w[o + 3] === 2 ? 1 : 0;
  const kept = T * N * (I + H * (1 + slots + cells));
  return { flops: (backward ? 4 : 2) * T * N * weights, bytes: (backward ? 2 : 1) * (kept + weights) * elementBytes[w[o + 2]] };
}

function attention(w: Float64Array, o: number): Work {
  const [heads, L, S, E, Ev] = [w[o + 3] * w[o + 4], w[o + 6], w[o + 7], w[o + 8], w[o + 9]];
  const backward = w[o] === 43;
  const pairs = heads * L * S * (w[o + 11] === 1 ? 0.5 : 1);
  const operands = heads * L * (E + Ev) + w[o + 3] * w[o + 5] * S * (E + Ev);
  return { flops: 2 * pairs * (backward ? 3 * E + 2 * Ev : E + Ev), bytes: (backward ? 2 : 1) * operands * elementBytes[w[o + 2]] };
}

/** Elements that an optimizer's instruction reads and writes for each parameter: the parameter twice, its gradient, each buffer twice. */
function optimizer(w: Float64Array, o: number): Work {
  const buffers = { 19: [6], 20: [6, 7, 8], 21: [6, 7, 8], 22: [6], 23: [6, 7] }[w[o]] ?? [];
  const used = buffers.filter((i) => w[o + i] !== 0).length;
  return { flops: 0, bytes: w[o + 3] * (3 + 2 * used) * elementBytes[w[o + 2]] };
}

/** What the instruction at word `o` costs; zeros where it is not counted. */
export function workOf(w: Float64Array, o = 0): Work {
  const size = elementBytes[w[o + 2]];
  const moved = (bytes: number): Work => ({ flops: 0, bytes });
  switch (w[o]) {
    case 1:
      return ewise(w, o);
    case 2:
      return reduce(w, o);
    case 3:
      return matmul(w, o);
    case 4:
    case 5:
    case 6:
      return convolution(w, o);
    case 7:
    case 8:
      return pooling(w, o);
    case 9:
    case 10: // x and y; y, dy and dx
      return moved((w[o] - 7) * product(w, o + 4, 3) * size);
    case 11:
    case 12:
      return moved(w[o + 3] * w[o + 5] * ((w[o] - 10) * w[o + 4] * size + 8));
    case 13: {
      const values = product(w, o + 10, w[o + 6]) * w[o + 7] * product(w, o + 10 + 2 * w[o + 6], w[o + 9]);
      return moved(values * elementBytes[w[o + 3]] * (w[o + 2] < 2 ? 2 : 3) + 8 * w[o + 7] * w[o + 8]);
    }
    case 14:
      return moved(product(w, o + 10, w[o + 7]) * (elementBytes[w[o + 3]] * (w[o + 2] < 2 ? 2 : 3) + 8));
    case 16:
      return moved(w[o + 7] * elementBytes[w[o + 9]]);
    case 17:
      return moved(product(w, o + 4, 3) * elementBytes[w[o + 3]] * 2);
    case 18:
      return moved(product(w, o + 3, 2) * (2 * size + 8));
    case 19:
    case 20:
    case 21:
    case 22:
    case 23:
      return optimizer(w, o);
    case 30:
    case 31: // x and y; x, dy and dx
      return moved((w[o] - 28) * product(w, o + 3, 2) * size);
    case 32:
    case 33:
      return moved((w[o] - 30) * product(w, o + 3, 3) * size);
    case 40:
    case 41:
      return recurrent(w, o);
    case 42:
    case 43:
      return attention(w, o);
    default:
      return { flops: 0, bytes: 0 };
  }
}

/** Words of the instruction at `o`. */
export const lengthAt = (w: Float64Array, o: number): number => w[o + 1];

/** The work of `count` instructions that follow one another. */
export function workOfAll(w: Float64Array, count: number): Work {
  const sum = { flops: 0, bytes: 0 };
  for (let i = 0, o = 0; i < count; i++, o += lengthAt(w, o)) {
    const one = workOf(w, o);
    sum.flops += one.flops;
    sum.bytes += one.bytes;
  }
  return sum;
}
