// The lowest layer of the operations: allocates results and encodes instructions. No gradients here.

import { recording } from '../runtime/recording.ts';
import { I, machine, pool, run, start, storeWords } from '../runtime/runtime.ts';
import { type ComputeType, type DType, dtypeCode, dtypeSize, type TypedArray, viewOf } from '../tensor/dtype.ts';
import { broadcastStrides, coalesce, contiguousStrides, numelOf, type Shape, sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Expr, input, param } from './scalar.ts';
import { type CompiledProgram, compileProgram } from './scalar-program.ts';

/** A new contiguous tensor with undefined content. */
export function empty(shape: Shape, dtype: DType): Tensor {
  start();
  const storage = pool.allocate(Math.max(numelOf(shape), 1) * dtypeSize[dtype]);
  if (recording !== null) recording.allocated(storage);
  return new Tensor(storage, shape, null, 0, dtype);
}

/** A window on the elements of a contiguous tensor, to be written at once. */
export function window(t: Tensor): TypedArray {
  if (recording !== null) recording.hostWrite(t.storage);
  return viewOf(t.dtype, machine.buffer(), t.address, numelOf(t.shape));
}

/** A window on the elements of a contiguous tensor for `what` to read, valid until the next allocation. */
export function readWindow(t: Tensor, what: string): TypedArray {
  if (recording !== null) recording.hostRead(t.storage, what);
  return viewOf(t.dtype, machine.buffer(), t.address, numelOf(t.shape));
}

/** A program in device memory, with the constants it wants in register order. */
export interface Program {
  readonly address: number;
  readonly nIn: number;
  readonly nOut: number;
  readonly constants: CompiledProgram['constants'];
}

/** Compiles expressions and stores the program on the device. Callers keep the result. */
export function loadProgram(roots: readonly Expr[], nIn: number): Program {
  const { words, constants } = compileProgram(roots, nIn);
  return { address: storeWords(words), nIn, nOut: roots.length, constants };
}

let identityProgram: Program | null = null;
export const identity = (): Program => (identityProgram ??= loadProgram([input(0)], 1));

function writeConstants(program: Program, at: number, params: readonly number[]): number {
  const list = program.constants;
  let k = at;
  for (let i = 0; i < list.length; i++) {
    const c = list[i];
    I[k++] = 'literal' in c ? c.literal : params[c.param];
  }
  return k;
}

/** EWISE: runs `program` over the inputs broadcast to `shape` into the outputs (all of `shape`). */
export function ewise(
  name: string,
  program: Program,
  outs: readonly Tensor[],
  ins: readonly Tensor[],
  params: readonly number[],
  compute: ComputeType,
): void {
  const shape = outs[0].shape;
  const n = numelOf(shape);
  if (n === 0) return;
  const nOut = outs.length;
  const nIn = ins.length;
  let dense = true;
  for (let i = 0; dense && i < nOut; i++) dense = outs[i].contiguousNow;
  for (let i = 0; dense && i < nIn; i++) dense = ins[i].contiguousNow && sameShape(ins[i].shape, shape);
  let dims: number[];
  let strides: number[][] | null = null;
  if (dense) dims = n === 1 ? [] : [n];
  else {
    const merged = coalesce(shape, [...outs.map((t) => t.strides), ...ins.map((t) => broadcastStrides(t.shape, t.strides, shape))]);
    dims = merged.shape;
    strides = merged.strides;
  }
  I[0] = 1;
  I[2] = program.address;
  I[3] = nIn;
  I[4] = nOut;
  I[5] = program.constants.length;
  I[6] = dims.length;
  I[7] = n;
  I[8] = compute;
  let k = 9;
  for (let i = 0; i < nOut; i++) {
    I[k++] = outs[i].address;
    I[k++] = dtypeCode[outs[i].dtype];
  }
  for (let i = 0; i < nIn; i++) {
    I[k++] = ins[i].address;
    I[k++] = dtypeCode[ins[i].dtype];
  }
  for (let d = 0; d < dims.length; d++) I[k++] = dims[d];
  if (strides === null) {
    if (dims.length > 0) for (let i = 0; i < nOut + nIn; i++) I[k++] = 1;
  } else for (const s of strides) for (let d = 0; d < s.length; d++) I[k++] = s[d];
  run(name, writeConstants(program, k, params));
}

const nothingKept: { shape: number[]; strides: number[][] } = { shape: [], strides: [] };

/** Reductions of the instruction set. */
export const reductions = { sum: 0, prod: 1, max: 2, min: 3, any: 4, all: 5, argmax: 6, argmin: 7 } as const;
export type Reduction = keyof typeof reductions;

/**
 * REDUCE: reduces `program` over the inputs (broadcast to `shape`) along `dims` into `out`, which is contiguous over the kept dimensions.
 * `scale` multiplies a sum; `index` receives positions of max and min.
 */
export function reduceProgram(
  name: string,
  reduction: Reduction,
  program: Program,
  out: Tensor,
  ins: readonly Tensor[],
  shape: Shape,
  dims: readonly number[],
  params: readonly number[],
  compute: ComputeType,
  scale = 1,
  index: Tensor | null = null,
): void {
  if (out.numel === 0) return;
  const operand = ins.map((t) => (sameShape(t.shape, shape) ? t.strides : broadcastStrides(t.shape, t.strides, shape)));
  // Positions count over the reduced shape in row-major order, so merging keeps them.
  const all = dims.length === shape.length;
  const part = (keep: boolean) => {
    const at: number[] = [];
    for (let i = 0; i < shape.length; i++) if (dims.includes(i) !== keep) at.push(i);
    return coalesce(
      at.map((i) => shape[i]),
      operand.map((s) => at.map((i) => s[i])),
    );
  };
  const kept = all ? nothingKept : part(true);
  const red = all ? coalesce(shape, operand) : part(false);
  I[0] = 2;
  I[2] = program.address;
  I[3] = ins.length;
  I[4] = program.constants.length;
  I[5] = kept.shape.length;
  I[6] = red.shape.length;
  I[7] = compute;
  I[8] = reductions[reduction];
  I[9] = out.address;
  I[10] = dtypeCode[out.dtype];
  I[11] = index === null ? 0 : index.address;
  I[12] = scale;
  let k = 13;
  for (const t of ins) {
    I[k++] = t.address;
    I[k++] = dtypeCode[t.dtype];
  }
  for (const d of kept.shape) I[k++] = d;
  for (const d of red.shape) I[k++] = d;
  for (const s of kept.strides) for (const d of s) I[k++] = d;
  for (const s of red.strides) for (const d of s) I[k++] = d;
  run(name, writeConstants(program, k, params));
}

/** Copies `src` (broadcast, cast) into `dst`, any strides. */
export function copyInto(dst: Tensor, src: Tensor): void {
  const d = dst.dtype;
  const compute: ComputeType =
    d === 'float64' || src.dtype === 'float64'
      ? 1
      : isInt(d) && isInt(src.dtype)
        ? 2
        : isInt(d) || isInt(src.dtype)
          ? d === 'int64' || src.dtype === 'int64' || d === 'int32' || src.dtype === 'int32'
            ? 1
            : 0
          : 0;
  ewise('copy', identity(), [dst], [src], [], compute);
}
const isInt = (d: DType): boolean => d === 'int64' || d === 'int32' || d === 'uint8' || d === 'bool';

/** A contiguous copy, cast to `dtype` when given. */
export function copy(t: Tensor, dtype: DType = t.dtype): Tensor {
  const out = empty(t.shape, dtype);
  copyInto(out, t);
  return out;
}

/** `t` itself when it is contiguous, else a contiguous copy. No gradients. */
export const dense = (t: Tensor): Tensor => (t.contiguousNow ? t : copy(t));

/** `t` itself when it has the dtype, else a cast copy. No gradients. */
export const cast = (t: Tensor, dtype: DType): Tensor => (t.dtype === dtype ? t : copy(t, dtype));

let fillProgram: Program | null = null;
/** Writes one value everywhere. */
export function fill(t: Tensor, value: number): void {
  fillProgram ??= loadProgram([param(0)], 0);
  const d = t.dtype;
  ewise(
    'fill',
    fillProgram,
    [t],
    [],
    [value],
    d === 'float64' ? 1 : isInt(d) && Number.isInteger(value) ? 2 : d === 'float32' || d === 'float16' || d === 'bfloat16' ? 0 : 1,
  );
}

/** A view with another geometry, without history. */
export function alias(t: Tensor, shape: Shape, strides: Shape | null, offset = t.offset): Tensor {
  return new Tensor(t.storage, shape, strides ?? contiguousStrides(shape), offset, t.dtype);
}
