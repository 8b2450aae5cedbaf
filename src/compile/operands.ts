// Which words of an instruction are addresses, what is read and written there, and how many bytes (docs/instruction-set.md). One row an opcode;
// the rarer ones are in operands-more.ts. Rows check what the kernels take for granted, so that words from a file cannot lead outside of a buffer.

import { FathomError } from '../runtime/errors.ts';

/** What an instruction does at an address. Scratch is written and read by the instruction alone. */
export type Access = 'read' | 'write' | 'update' | 'scratch';

/** The words of one instruction. */
export type Words = ArrayLike<number>;

/** Receives the operands of an instruction. */
export interface Visitor {
  /** Bytes [lo, hi) relative to the address in `word` (0: none) are accessed, in elements of `align` bytes. */
  operand(word: number, access: Access, lo: number, hi: number, align: number): void;
  /** `word` is the address of a scalar program of this form. */
  program(word: number, inputs: number, outputs: number, constants: number): void;
}

/** An instruction contradicts itself. */
export class InstructionError extends FathomError {
  override name = 'InstructionError';
}

const sizes = [4, 8, 8, 4, 1, 1, 2, 2];

/** Helpers of the rows: checked access to words. */
export class Row {
  readonly w: Words;
  readonly name: string;
  readonly #visitor: Visitor;

  constructor(w: Words, name: string, visitor: Visitor) {
    this.w = w;
    this.name = name;
    this.#visitor = visitor;
  }

  fail(what: string): never {
    throw new InstructionError(`${this.name}: ${what}`);
  }

  check(ok: boolean, what: string): void {
    if (!ok) this.fail(what);
  }

  /** The instruction must have this many words. */
  length(n: number): void {
    if (this.w[1] !== n || this.w.length !== n) this.fail(`has ${this.w.length} words (${this.w[1]} said), ${n} were expected`);
  }

  /** A whole number from `least` to `most`. */
  int(word: number, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const v = this.w[word];
    if (!(Number.isInteger(v) && v >= least && v <= most))
      this.fail(`word ${word} is ${v}; a whole number from ${least} to ${most} was expected`);
    return v;
  }

  ints(from: number, n: number, least = 0): number[] {
    return Array.from({ length: n }, (_, i) => this.int(from + i, least));
  }

  strides(from: number, n: number): number[] {
    return this.ints(from, n, -Number.MAX_SAFE_INTEGER);
  }

  /** Bytes of an element of the dtype in `word`; 'float' allows float32 and float64 only. */
  size(word: number, kind: 'any' | 'float' | 'number' = 'any'): number {
    return sizes[this.int(word, 0, kind === 'float' ? 1 : kind === 'number' ? 3 : 7)];
  }

  /** The product of counts; refuses more than memory can hold. */
  product(...list: readonly number[]): number {
    let p = 1;
    for (const v of list) p *= v;
    if (!(p <= 2 ** 46)) this.fail(`${list.join(' × ')} elements are too many`);
    return p;
  }

  /** `n` dense elements at the address in `word`; `optional` allows 0. */
  dense(word: number, access: Access, n: number, size: number, optional = false): void {
    const address = this.w[word];
    if (address === 0) {
      if (!optional && n > 0) this.fail(`word ${word} must be an address`);
      return;
    }
    this.#visitor.operand(word, access, 0, n * size, size);
  }

  /** Elements over a shape with strides. */
  strided(word: number, access: Access, shape: readonly number[], strides: readonly number[], size: number, optional = false): void {
    let [lo, hi] = [0, 0];
    let empty = false;
    for (let d = 0; d < shape.length; d++) {
      if (shape[d] === 0) empty = true;
      const reach = (shape[d] - 1) * strides[d];
      if (!(Math.abs(reach) <= 2 ** 46)) this.fail(`a stride of ${strides[d]} over ${shape[d]} elements leads too far`);
      if (reach < 0) lo += reach;
      else hi += reach;
    }
    const address = this.w[word];
    if (address === 0) {
      if (!optional && !empty) this.fail(`word ${word} must be an address`);
      return;
    }
    if (empty) this.#visitor.operand(word, access, 0, 0, size);
    else this.#visitor.operand(word, access, lo * size, (hi + 1) * size, size);
  }

  bytes(word: number, access: Access, n: number): void {
    if (this.w[word] !== 0) this.#visitor.operand(word, access, 0, n, 8);
  }

  program(word: number, inputs: number, outputs: number, constants: number): void {
    this.#visitor.program(word, inputs, outputs, constants);
  }
}

/** Says which operands an instruction has. */
export type RowOf = (r: Row) => void;

function ewise(r: Row): void {
  const [nIn, nOut] = [r.int(3, 0, 64), r.int(4, 1, 64)];
  const [nConst, ndim] = [r.int(5, 0, 256), r.int(6, 0, 16)];
  r.check(nIn + nOut <= 64, 'has too many operands');
  const all = nIn + nOut;
  r.length(9 + 2 * all + ndim * (1 + all) + nConst);
  r.int(8, 0, 2);
  const shape = r.ints(9 + 2 * all, ndim);
  r.check(r.product(...shape) === r.w[7], 'the shape does not have the number of elements in word 7');
  r.program(2, nIn, nOut, nConst);
  for (let i = 0; i < all; i++)
    r.strided(9 + 2 * i, i < nOut ? 'write' : 'read', shape, r.strides(9 + 2 * all + ndim * (1 + i), ndim), r.size(10 + 2 * i));
}

function reduce(r: Row): void {
  const [nIn, nConst, nKept, nRed] = [r.int(3, 0, 63), r.int(4, 0, 256), r.int(5, 0, 16), r.int(6, 0, 16)];
  r.length(13 + 2 * nIn + (nKept + nRed) * (1 + nIn) + nConst);
  r.check(nKept + nRed <= 16, 'has too many dimensions');
  r.int(7, 0, 2);
  const kind = r.int(8, 0, 7);
  const at = 13 + 2 * nIn;
  const shape = r.ints(at, nKept + nRed);
  const kept = r.product(...shape.slice(0, nKept));
  const reduced = r.product(...shape.slice(nKept));
  r.product(kept, reduced);
  r.check(reduced > 0 || kept === 0 || ![2, 3, 6, 7].includes(kind), 'an extreme of nothing');
  r.program(2, nIn, 1, nConst);
  r.check(kind < 6 || r.w[10] === 2, 'positions are int64');
  r.dense(9, 'write', kept, r.size(10));
  r.dense(11, 'write', kept, 8, true);
  const strides = at + nKept + nRed;
  for (let i = 0; i < nIn; i++) {
    const own = [...r.strides(strides + i * nKept, nKept), ...r.strides(strides + nIn * nKept + i * nRed, nRed)];
    r.strided(13 + 2 * i, 'read', shape, own, r.size(14 + 2 * i));
  }
}

function matmul(r: Row): void {
  const size = r.size(2, 'number');
  const [M, N, K] = r.ints(3, 3);
  const nb = r.int(14, 0, 16);
  r.length(19 + 4 * nb);
  const batch = r.ints(19, nb);
  r.product(...batch, M, N);
  r.product(M, K);
  r.int(15, 0, 1);
  r.int(17, 0, 3);
  const axis = r.int(18, 0, 1);
  const [a1, a2, b1, b2, c1] = [7, 8, 10, 11, 13].map((k) => r.strides(k, 1)[0]);
  const of = (k: number): number[] => r.strides(19 + nb * k, nb);
  const some = M > 0 && N > 0;
  r.strided(6, 'read', [...batch, M, some ? K : 0], [...of(1), a1, a2], size);
  r.strided(9, 'read', [...batch, some ? K : 0, N], [...of(2), b1, b2], size);
  r.strided(12, r.w[15] === 1 ? 'update' : 'write', [...batch, M, N], [...of(3), c1, 1], size);
  r.dense(16, 'read', axis === 0 ? N : M, size, true);
}

/** The sizes of a window over an axis fit: `out` windows lie in the padded input. */
function window(r: Row, what: string, size: number, kernel: number, stride: number, pad: number, dilation: number, out: number): void {
  const most = Math.floor((size + 2 * pad - dilation * (kernel - 1) - 1) / stride) + 1;
  r.check(out <= most, `${what}: ${out} windows do not fit, at most ${most} do`);
}

function conv(kind: 'forward' | 'input' | 'weight'): RowOf {
  return (r) => {
    r.length(26);
    const size = r.size(2, 'float');
    const [N, Cin, H, W, Cout, KH, KW] = [r.int(3), ...r.ints(4, 6, 1)];
    const [SH, SW, PH, PW, DH, DW] = [r.int(10, 1), r.int(11, 1), r.int(12), r.int(13), r.int(14, 1), r.int(15, 1)];
    const groups = r.int(16, 1);
    const [OH, OW] = r.ints(17, 2, 1);
    r.check(Cin % groups === 0 && Cout % groups === 0, `${groups} groups do not divide ${Cin} and ${Cout} channels`);
    window(r, 'height', H, KH, SH, PH, DH, OH);
    window(r, 'width', W, KW, SW, PW, DW, OW);
    r.int(23, 0, 3);
    r.dense(19, kind === 'input' ? 'write' : 'read', r.product(N, Cin, H, W), size);
    r.dense(20, kind === 'weight' ? 'write' : 'read', r.product(Cout, Cin / groups, KH, KW), size);
    r.dense(21, kind === 'forward' ? 'write' : 'read', r.product(N, Cout, OH, OW), size);
    r.dense(22, kind === 'weight' ? 'write' : 'read', Cout, size, true);
    r.bytes(24, 'scratch', r.int(25));
  };
}

function pool(backward: boolean): RowOf {
  return (r) => {
    r.length(22);
    const size = r.size(2, 'float');
    const kind = r.int(3, 0, 1);
    const [planes, H, W] = [r.int(4), r.int(5, 1), r.int(6, 1)];
    r.ints(7, 4, 1);
    r.ints(11, 2);
    r.ints(13, 2, 1);
    const [OH, OW] = r.ints(15, 2);
    const [x, y] = [r.product(planes, H, W), r.product(planes, OH, OW)];
    r.int(20, 0, 1);
    r.strides(21, 1);
    r.dense(17, backward ? 'write' : 'read', x, size);
    r.dense(18, backward ? 'read' : 'write', y, size);
    if (kind === 0) r.dense(19, backward ? 'read' : 'write', y, 4, !backward);
  };
}

function softmax(backward: boolean): RowOf {
  return (r) => {
    r.length(11);
    const size = r.size(2, 'float');
    r.int(3, 0, 1);
    const n = r.product(...r.ints(4, 3));
    if (!backward) {
      r.dense(7, 'read', n, size);
      r.dense(8, 'write', n, size);
    } else {
      r.dense(8, 'read', n, size);
      r.dense(9, 'read', n, size);
      r.dense(10, 'write', n, size);
    }
  };
}

function crossEntropy(backward: boolean): RowOf {
  return (r) => {
    r.length(17);
    const size = r.size(2, 'float');
    const [N, C, inner] = r.ints(3, 3);
    r.strides(9, 1);
    const rows = r.product(N, inner);
    const loss = r.int(11, 0, 2) === 0 ? rows : 1;
    const all = r.product(N, C, inner);
    r.dense(6, 'read', all, size);
    r.dense(7, 'read', rows, 8);
    r.dense(8, 'read', C, size, true);
    if (!backward) r.dense(12, 'write', loss, size);
    r.dense(13, backward ? 'read' : 'write', rows, size);
    r.dense(14, backward ? 'read' : 'write', 1, size);
    if (backward) {
      r.dense(15, 'read', loss, size);
      r.dense(16, 'write', all, size);
    }
  };
}

function index(r: Row): void {
  const mode = r.int(2, 0, 5);
  const size = r.size(3);
  const [nOuter, nI, nIdx, nInner] = [r.int(6, 0, 16), r.int(7), r.int(8, 1, 16), r.int(9, 0, 16)];
  r.check(nOuter + nInner + nIdx <= 16, 'has too many dimensions');
  r.length(10 + 2 * (nOuter + nInner) + 3 * nIdx);
  const [outer, so] = [r.ints(10, nOuter), r.strides(10 + nOuter, nOuter)];
  const at = 10 + 2 * nOuter;
  const [inner, si] = [r.ints(at, nInner), r.strides(at + nInner, nInner)];
  const first = at + 2 * nInner;
  const [dims, sd]: [number[], number[]] = [[], []];
  for (let i = 0; i < nIdx; i++) {
    dims.push(r.int(first + 3 * i + 1));
    sd.push(r.strides(first + 3 * i + 2, 1)[0]);
    r.dense(first + 3 * i, 'read', nI, 8);
  }
  r.strided(4, mode === 0 ? 'read' : 'update', [...outer, ...inner, ...dims], [...so, ...si, ...sd], size);
  r.dense(5, mode === 0 ? 'write' : 'read', r.product(...outer, nI, ...inner), size);
}

function gather(r: Row): void {
  const mode = r.int(2, 0, 5);
  const size = r.size(3);
  const n = r.int(7, 0, 16);
  r.length(10 + 4 * n);
  const dim = r.int(8, 0, Math.max(n - 1, 0));
  const length = r.int(9);
  const shape = r.ints(10, n);
  r.product(...shape);
  const own = shape.map((s, d) => (d === dim ? length : s));
  const [ss, si, sv] = [1, 2, 3].map((k) => r.strides(10 + k * n, n));
  if (shape.includes(0)) return;
  r.strided(4, mode === 0 ? 'read' : 'update', n === 0 ? [length] : own, n === 0 ? [1] : ss, size);
  r.strided(5, 'read', shape, si, 8);
  r.strided(6, mode === 0 ? 'write' : 'read', shape, sv, size);
}

function random(r: Row): void {
  r.length(12);
  r.int(2, 0, 4);
  r.ints(3, 4);
  r.dense(8, 'write', r.product(r.int(7)), r.size(9));
}

function scan(r: Row): void {
  r.length(11);
  r.int(2, 0, 4);
  const size = r.size(3);
  const n = r.product(...r.ints(4, 3));
  r.dense(7, 'read', n, size);
  r.dense(8, 'write', n, size);
  r.dense(9, 'write', n, 8, true);
}

function sort(r: Row): void {
  r.length(9);
  const size = r.size(2);
  const n = r.product(...r.ints(3, 2));
  r.dense(5, 'read', n, size);
  r.dense(6, 'write', n, size);
  r.dense(7, 'write', n, 8);
}

/** An optimizer: parameter in word 4, gradient in 5, state from 6 on. */
const optimizer =
  (length: number, state: number, required: number): RowOf =>
  (r) => {
    r.length(length);
    const size = r.size(2, 'float');
    const n = r.product(r.int(3));
    r.dense(4, 'update', n, size);
    r.dense(5, 'read', n, size);
    for (let i = 0; i < state; i++) r.dense(6 + i, 'update', n, size, i >= required);
  };

/** Names and rows of the opcodes in this file. */
export const commonRows: Readonly<Record<number, readonly [name: string, row: RowOf]>> = {
  1: ['EWISE', ewise],
  2: ['REDUCE', reduce],
  3: ['MATMUL', matmul],
  4: ['CONV_FORWARD', conv('forward')],
  5: ['CONV_INPUT_GRAD', conv('input')],
  6: ['CONV_WEIGHT_GRAD', conv('weight')],
  7: ['POOL_FORWARD', pool(false)],
  8: ['POOL_BACKWARD', pool(true)],
  9: ['SOFTMAX_FORWARD', softmax(false)],
  10: ['SOFTMAX_BACKWARD', softmax(true)],
  11: ['CROSS_ENTROPY_FORWARD', crossEntropy(false)],
  12: ['CROSS_ENTROPY_BACKWARD', crossEntropy(true)],
  13: ['INDEX', index],
  14: ['GATHER', gather],
  16: ['RANDOM', random],
  17: ['SCAN', scan],
  18: ['SORT', sort],
  19: ['SGD', optimizer(14, 1, 0)],
  20: ['ADAM', optimizer(17, 3, 2)],
  21: ['RMSPROP', optimizer(15, 3, 1)],
  22: ['ADAGRAD', optimizer(11, 1, 1)],
  23: ['ADADELTA', optimizer(13, 2, 2)],
};
