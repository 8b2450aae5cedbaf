// EWISE and REDUCE instructions taken apart into operands over an iteration space and a scalar program, and put together again.

import { type DType, dtypeSize } from '../tensor/dtype.ts';
import { coalesce } from '../tensor/shape.ts';
import type { Buffer, Instruction, Ref } from './graph.ts';

/** An operand: where it begins and how it lies over the dimensions of the space. Strides count elements. */
export interface Operand {
  readonly buffer: Buffer;
  /** Bytes. */
  readonly offset: number;
  readonly dtype: number;
  readonly strides: readonly number[];
}

/** An elementwise instruction. */
export interface Elementwise {
  readonly compute: number;
  readonly shape: readonly number[];
  readonly ins: readonly Operand[];
  readonly outs: readonly Operand[];
  readonly program: ArrayLike<number>;
  readonly constants: readonly number[];
}

/** A reduction over the last `shape.length - kept` dimensions; its result is dense over the others. */
export interface Reduction {
  readonly compute: number;
  readonly kept: number;
  readonly shape: readonly number[];
  readonly ins: readonly Operand[];
  readonly program: ArrayLike<number>;
  readonly constants: readonly number[];
}

const elementSizes = Object.values(dtypeSize satisfies Record<DType, number>); // in the order of the codes

const refAt = (i: Instruction, word: number): Ref => i.refs.find((r) => r.word === word) as Ref;

/** Leaves out dimensions of size 1. */
function squeezed(shape: readonly number[], lists: readonly (readonly number[])[]): { shape: number[]; strides: number[][] } {
  const keep = shape.map((_, d) => d).filter((d) => shape[d] !== 1);
  return { shape: keep.map((d) => shape[d]), strides: lists.map((s) => keep.map((d) => s[d])) };
}

/** Takes an EWISE instruction apart; null for one that is left alone (numbers that change from run to run, nothing to do). */
export function elementwiseOf(i: Instruction): Elementwise | null {
  const w = i.words;
  if (w[0] !== 1 || i.rewriting !== null || i.program === null || w[7] === 0) return null;
  const [nIn, nOut, nConst, ndim] = [w[3], w[4], w[5], w[6]];
  const all = nIn + nOut;
  const at = 9 + 2 * all;
  const lists = Array.from({ length: all }, (_, k) => w.slice(at + ndim * (1 + k), at + ndim * (2 + k)));
  const { shape, strides } = squeezed(w.slice(at, at + ndim), lists);
  const operands = strides.map((s, k): Operand => {
    const r = refAt(i, 9 + 2 * k);
    return { buffer: r.buffer, offset: r.offset, dtype: w[10 + 2 * k], strides: s };
  });
  return {
    compute: w[8],
    shape,
    outs: operands.slice(0, nOut),
    ins: operands.slice(nOut),
    program: i.program.words,
    constants: w.slice(w.length - nConst),
  };
}

/** Takes a REDUCE instruction apart; null when it is left alone. */
export function reductionOf(i: Instruction): Reduction | null {
  const w = i.words;
  if (w[0] !== 2 || i.rewriting !== null || i.program === null) return null;
  const [nIn, nConst, nKept, nRed] = [w[3], w[4], w[5], w[6]];
  const at = 13 + 2 * nIn;
  const full = w.slice(at, at + nKept + nRed);
  if (full.includes(0)) return null;
  const strides = at + nKept + nRed;
  const lists = Array.from({ length: nIn }, (_, k) => [
    ...w.slice(strides + k * nKept, strides + (k + 1) * nKept),
    ...w.slice(strides + nIn * nKept + k * nRed, strides + nIn * nKept + (k + 1) * nRed),
  ]);
  const s = squeezed(full, lists);
  return {
    compute: w[7],
    kept: full.slice(0, nKept).filter((n) => n !== 1).length,
    shape: s.shape,
    ins: s.strides.map((list, k): Operand => {
      const r = refAt(i, 13 + 2 * k);
      return { buffer: r.buffer, offset: r.offset, dtype: w[14 + 2 * k], strides: list };
    }),
    program: i.program.words,
    constants: w.slice(w.length - nConst),
  };
}

/** The bytes that an operand reaches over a shape. */
export function spanOf(o: Operand, shape: readonly number[]): { lo: number; hi: number } {
  let [lo, hi] = [0, 0];
  o.strides.forEach((s, d) => {
    const reach = (shape[d] - 1) * s;
    if (reach < 0) lo += reach;
    else hi += reach;
  });
  const size = elementSizes[o.dtype];
  return { lo: lo * size, hi: (hi + 1) * size };
}

const refOf = (o: Operand, shape: readonly number[], word: number, access: Ref['access']): Ref => ({
  word,
  access,
  buffer: o.buffer,
  offset: o.offset,
  ...spanOf(o, shape),
});

const same = (a: Operand, b: Operand): boolean => a.buffer === b.buffer && a.offset === b.offset && a.dtype === b.dtype;

/** An EWISE instruction of a program. */
export function makeElementwise(
  name: string,
  parts: readonly string[],
  compute: number,
  shape: readonly number[],
  outs: readonly Operand[],
  ins: readonly Operand[],
  program: readonly number[],
  constants: readonly number[],
): Instruction {
  const operands = [...outs, ...ins];
  const merged = coalesce(
    shape as number[],
    operands.map((o) => o.strides as number[]),
  );
  const numel = shape.reduce((a, b) => a * b, 1);
  const words = [1, 0, 0, ins.length, outs.length, constants.length, merged.shape.length, numel, compute];
  const refs = operands.map((o, k) => refOf(o, shape, 9 + 2 * k, k < outs.length ? 'write' : 'read'));
  for (const o of operands) words.push(0, o.dtype);
  words.push(...merged.shape);
  for (const s of merged.strides) words.push(...s);
  words.push(...constants);
  words[1] = words.length;
  return { name, words, refs, program: { word: 2, words: program, address: 0 }, random: null, rewriting: null, parts };
}

/** The REDUCE instruction `i` with another program, and inputs over `shape`, whose first `kept` dimensions are kept. */
export function makeReduction(
  i: Instruction,
  parts: readonly string[],
  kept: number,
  shape: readonly number[],
  ins: readonly Operand[],
  program: readonly number[],
  constants: readonly number[],
): Instruction {
  const half = (from: number, to: number): { shape: number[]; strides: number[][] } =>
    coalesce(
      shape.slice(from, to),
      ins.map((o) => o.strides.slice(from, to)),
    );
  const [k, r] = [half(0, kept), half(kept, shape.length)];
  const w = i.words;
  const words = [2, 0, 0, ins.length, constants.length, k.shape.length, r.shape.length, ...w.slice(7, 13)];
  for (const o of ins) words.push(0, o.dtype);
  words.push(...k.shape, ...r.shape);
  for (const s of k.strides) words.push(...s);
  for (const s of r.strides) words.push(...s);
  words.push(...constants);
  words[1] = words.length;
  const refs = [...i.refs.filter((ref) => ref.word === 9 || ref.word === 11), ...ins.map((o, n) => refOf(o, shape, 13 + 2 * n, 'read'))];
  return { name: i.name, words, refs, program: { word: 2, words: program, address: 0 }, random: null, rewriting: null, parts };
}

/** Whether two operands name the same elements of the same memory (over one shape). */
export const sameOperand = (a: Operand, b: Operand): boolean => same(a, b) && a.strides.every((s, d) => s === b.strides[d]);
