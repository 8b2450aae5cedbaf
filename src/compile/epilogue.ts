// Bias and activation that follow a matrix product or a convolution become part of that instruction, where nobody needs the result before them.

import { type Elementwise, elementwiseOf, type Operand } from './elementwise.ts';
import { type Instruction, overlap, type Ref, reads, writes } from './graph.ts';
import { Uses } from './uses.ts';

const MATMUL = 3;
const CONV = 4;
const [RELU, SIGMOID, TANH] = [51, 31, 27];
export const ADD = 64;
/** Codes of activations in products, by the code of the scalar operation. */
export const activations: ReadonlyMap<number, number> = new Map([
  [RELU, 1],
  [SIGMOID, 2],
  [TANH, 3],
]);

/** What an elementwise program of one result does, when it is a bias, an activation or both. */
interface Tail {
  /** The product's result. */
  readonly from: Operand;
  readonly bias: Operand | null;
  readonly activation: number;
}

function tailOf(e: Elementwise): Tail | null {
  const p = e.program;
  if (e.outs.length !== 1 || e.constants.length > 0 || e.ins.length < 1 || e.ins.length > 2 || p[0] < 1 || p[0] > 2) return null;
  const step = (k: number): number[] => Array.from({ length: 5 }, (_, i) => p[3 + 5 * k + i]);
  const [op, dst, a, b] = step(0);
  if (e.ins.length === 1) {
    const activation = activations.get(op);
    return p[0] !== 1 || activation === undefined || a !== 0 || p[2] !== dst ? null : { from: e.ins[0], bias: null, activation };
  }
  if (op !== ADD || a === b || a > 1 || b > 1) return null;
  // the dense operand is the product's result
  const dense = (o: Operand): boolean => !o.strides.includes(0);
  const [x, y] = [e.ins[a], e.ins[b]];
  const [from, bias] = dense(x) ? [x, y] : [y, x];
  if (!dense(from)) return null;
  if (p[0] === 1) return p[2] === dst ? { from, bias, activation: 0 } : null;
  const [op2, dst2, a2] = step(1);
  const activation = activations.get(op2);
  return activation === undefined || a2 !== dst || p[2] !== dst2 ? null : { from, bias, activation };
}

/** Row-major without gaps over the shape. */
export const isDense = (o: Operand, shape: readonly number[]): boolean => {
  let step = 1;
  for (let d = shape.length - 1; d >= 0; step *= shape[d--]) if (o.strides[d] !== step) return false;
  return true;
};

/** Where the bias of a tail goes in the words of `i`: [word of the address, value of the axis]; null when it does not fit. */
export function biasPlace(i: Instruction, e: Elementwise, bias: Operand): number | null {
  const w = i.words;
  const [rows, columns] = w[0] === MATMUL ? [w[3], w[4]] : [w[7], w[17] * w[18]];
  // over the columns of a product, or over the channels of a convolution: strides of the last dimensions of the space
  let span = 1;
  const seen: [size: number, stride: number][] = [];
  for (let d = e.shape.length - 1; d >= 0; d--) seen.push([e.shape[d], bias.strides[d]]);
  let axis: 0 | 1 | null = null;
  for (const [size, stride] of seen) {
    if (stride !== 0) {
      const inside = span === 1 ? 0 : span === columns ? 1 : null;
      if (inside === null || axis !== null || stride !== 1 || size !== (inside === 0 ? columns : rows)) return null;
      if (columns === 1 && inside === 0 && size !== columns) return null;
      axis = inside;
    }
    span *= size;
  }
  if (axis === null) return null;
  if (w[0] === MATMUL) return w[14] === 0 ? axis : null;
  return axis === 1 ? 1 : null;
}

/** Merges tails into products and convolutions. Nothing crosses `barrier`; gives the new list and barrier. */
export function mergeEpilogues(list: readonly Instruction[], barrier: number): { instructions: Instruction[]; barrier: number } {
  const uses = new Uses(list);
  const gone = new Set<number>();
  const out = [...list];
  list.forEach((i, at) => {
    const e = elementwiseOf(i);
    const tail = e === null || e.compute > 1 ? null : tailOf(e);
    if (e === null || tail === null) return;
    const { from } = tail;
    if (from.buffer.kind !== 'temp' || from.dtype !== e.compute || e.outs[0].dtype !== e.compute) return;
    const all = uses.of(from.buffer);
    const numel = e.shape.reduce((a, b) => a * b, 1);
    if (all.length !== 2 || all[1].at !== at || all[0].at >= at || all[0].at < barrier !== at < barrier) return;
    const product = out[all[0].at];
    const w = product.words;
    const [outWord, biasWord, actWord] = w[0] === MATMUL ? [12, 16, 17] : w[0] === CONV ? [21, 22, 23] : [0, 0, 0];
    if (outWord === 0 || gone.has(all[0].at) || all[0].ref.word !== outWord || w[actWord] !== 0 || w[2] !== e.compute) return;
    const whole = w[0] === MATMUL ? w[3] * w[4] * batchOf(w) : w[3] * w[7] * w[17] * w[18];
    const target = product.refs.find((r) => r.word === outWord) as Ref;
    if (whole !== numel || from.offset !== target.offset || target.access !== 'write' || (w[0] === MATMUL && !productDense(w))) return;
    if (!isDense(from, e.shape) || !isDense(e.outs[0], e.shape)) return;
    const dst = i.refs.find((r) => r.word === 9) as Ref;
    const biasRef = tail.bias === null ? null : (i.refs.find((r) => r.word !== 9 && r.buffer === tail.bias?.buffer) as Ref);
    // the result must be free from the product on, and the bias be there already
    for (let k = all[0].at + 1; k < at; k++) {
      if (gone.has(k)) continue;
      for (const r of out[k].refs) if (overlap(r, dst) || (biasRef !== null && writes(r.access) && overlap(r, biasRef))) return;
    }
    if (product.refs.some((r) => r.word !== outWord && reads(r.access) && overlap(r, dst))) return;
    const words = [...w];
    const refs = product.refs.filter((r) => r.word !== outWord);
    refs.push({ ...target, buffer: dst.buffer, offset: dst.offset });
    if (tail.bias !== null && biasRef !== null) {
      const axis = biasPlace(product, e, tail.bias);
      if (axis === null || product.refs.some((r) => r.word === biasWord) || tail.bias.dtype !== e.compute) return;
      if (w[0] === MATMUL) words[18] = axis;
      refs.push({ ...biasRef, word: biasWord, lo: 0, hi: biasRef.hi });
    }
    words[actWord] = tail.activation;
    out[all[0].at] = {
      ...product,
      words,
      refs,
      parts: [...(product.parts.length > 0 ? product.parts : [product.name]), ...(i.parts.length > 0 ? i.parts : [i.name])],
    };
    gone.add(at);
  });
  let moved = barrier;
  for (const k of gone) if (k < barrier) moved--;
  return { instructions: out.filter((_, k) => !gone.has(k)), barrier: moved };
}

/** Matrices of a product. */
function batchOf(w: readonly number[]): number {
  let n = 1;
  for (let d = 0; d < w[14]; d++) n *= w[19 + d];
  return n;
}

/** The result of a product is dense over all its matrices. */
export function productDense(w: readonly number[]): boolean {
  if (w[13] !== w[4]) return false;
  let step = w[3] * w[4];
  const nb = w[14];
  for (let d = nb - 1; d >= 0; step *= w[19 + d--]) if (w[19 + d] !== 1 && w[19 + 3 * nb + d] !== step) return false;
  return true;
}
