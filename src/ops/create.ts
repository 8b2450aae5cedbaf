// Creation of tensors: from JavaScript values, filled, ranges, identity and random.

import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { defaultGenerator, type Generator, permutation } from '../runtime/random.ts';
import { I, run } from '../runtime/runtime.ts';
import { checkDType, type DType, dtypeCode, isFloating, type TypedArray, viewOf } from '../tensor/dtype.ts';
import { checkSizes, numelOf, type Shape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { FloatScalar, type Scalar, scalarDType, scalarValue } from './elementwise-apply.ts';
import { copy, empty as emptyRaw, fill, readWindow, window } from './raw.ts';

/** Nested arrays of numbers or booleans, or a typed array: what `tensor` takes. */
export type TensorData = Scalar | bigint | TypedArray | Float32Array | readonly TensorData[];

export interface CreateOptions {
  dtype?: DType;
  requiresGrad?: boolean;
}

function finish(t: Tensor, { requiresGrad = false }: CreateOptions): Tensor {
  if (requiresGrad) t.requiresGrad = true;
  return t;
}

function shapeOf(data: TensorData): number[] {
  const shape: number[] = [];
  let d: TensorData = data;
  while (Array.isArray(d) || ArrayBuffer.isView(d)) {
    shape.push((d as ArrayLike<unknown>).length);
    if (ArrayBuffer.isView(d) || (d as readonly TensorData[]).length === 0) break;
    d = (d as readonly TensorData[])[0];
  }
  return shape;
}

const typedDType = (a: ArrayBufferView): DType | null =>
  a instanceof Float32Array
    ? 'float32'
    : a instanceof Float64Array
      ? 'float64'
      : a instanceof BigInt64Array
        ? 'int64'
        : a instanceof Int32Array
          ? 'int32'
          : a instanceof Uint8Array || a instanceof Uint8ClampedArray
            ? 'uint8'
            : null;

function flattenInto(out: (number | bigint)[], data: TensorData, shape: readonly number[], depth: number, kinds: Set<DType>): void {
  if (depth === shape.length) {
    if (typeof data === 'bigint') {
      kinds.add('int64');
      out.push(data);
      return;
    }
    if (typeof data !== 'number' && typeof data !== 'boolean' && !(data instanceof FloatScalar)) {
      throw new ShapeError(
        `tensor: the nested arrays are ragged: found ${Array.isArray(data) ? 'an array' : typeof data} at depth ${depth} where a number was expected (shape ${show(shape)} so far)`,
      );
    }
    kinds.add(scalarDType(data));
    out.push(scalarValue(data));
    return;
  }
  if (!Array.isArray(data) && !ArrayBuffer.isView(data))
    throw new ShapeError(
      `tensor: the nested arrays are ragged: expected an array of length ${shape[depth]} at depth ${depth}, found ${typeof data}`,
    );
  const list = data as unknown as ArrayLike<TensorData>;
  if (list.length !== shape[depth])
    throw new ShapeError(`tensor: the nested arrays are ragged: expected length ${shape[depth]} at depth ${depth}, found ${list.length}`);
  if (ArrayBuffer.isView(data)) kinds.add(typedDType(data) ?? 'float32');
  for (let i = 0; i < list.length; i++) flattenInto(out, list[i], shape, depth + 1, kinds);
}

/** Writes host values into a contiguous tensor with conversion. */
export function writeValues(t: Tensor, values: ArrayLike<number | bigint>): void {
  const w = window(t);
  if (t.dtype === 'int64') {
    const b = w as BigInt64Array;
    for (let i = 0; i < values.length; i++) {
      const v = values[i];
      b[i] = typeof v === 'bigint' ? v : BigInt(Math.trunc(Number.isFinite(v) ? v : 0));
    }
  } else if (t.dtype === 'bool') {
    for (let i = 0; i < values.length; i++) (w as Uint8Array)[i] = values[i] ? 1 : 0;
  } else for (let i = 0; i < values.length; i++) (w as Float64Array)[i] = Number(values[i]);
}

/**
 * A tensor with the given values. Whole numbers make int64, others float32, booleans bool, typed arrays their own type, unless `dtype` says
 * otherwise. ShapeError when nested arrays are ragged.
 */
export function tensor(data: TensorData | Tensor, options: CreateOptions = {}): Tensor {
  if (options.dtype !== undefined) checkDType(options.dtype, 'tensor: dtype');
  if (data instanceof Tensor) return finish(copy(data, options.dtype ?? data.dtype), options);
  if (ArrayBuffer.isView(data)) {
    const own = typedDType(data);
    if (own === null)
      throw new DTypeError(
        `tensor: a ${data.constructor.name} has no matching dtype; convert it to Float32Array, Int32Array, Uint8Array or BigInt64Array`,
      );
    const t = fromTyped(data as TypedArray, [(data as Float32Array).length], own);
    return finish(options.dtype !== undefined && options.dtype !== own ? copy(t, options.dtype) : t, options);
  }
  const shape = shapeOf(data);
  const values: (number | bigint)[] = [];
  const kinds = new Set<DType>();
  flattenInto(values, data, shape, 0, kinds);
  const natural: DType = kinds.has('float64')
    ? 'float64'
    : kinds.size === 0 || kinds.has('float32')
      ? 'float32'
      : kinds.has('int64')
        ? 'int64'
        : ([...kinds].find((k) => k !== 'bool') ?? 'bool');
  const dtype = options.dtype ?? natural;
  if (dtype === 'float16' || dtype === 'bfloat16') {
    const wide = emptyRaw(shape, 'float32');
    writeValues(wide, values);
    return finish(copy(wide, dtype), options);
  }
  const t = emptyRaw(shape, dtype);
  writeValues(t, values);
  return finish(t, options);
}

/** A tensor of `shape` with a copy of a typed array's elements; bool takes a Uint8Array of 0 and 1. */
export function fromTyped(data: TypedArray | Uint8ClampedArray, shape: Shape, dtype?: DType): Tensor {
  const own = dtype ?? typedDType(data) ?? 'float32';
  checkSizes('fromTyped', shape);
  if (numelOf(shape) !== data.length)
    throw new ShapeError(`fromTyped: ${data.length} element(s) do not fill shape ${show(shape)} (${numelOf(shape)} elements)`);
  const t = emptyRaw(shape, own);
  (window(t) as Uint8Array).set(data as Uint8Array);
  return t;
}
/** Another name of `fromTyped`, for readers who come from arrays. */
export const fromArray = fromTyped;

/** A tensor with undefined content. */
export function empty(shape: Shape, options: CreateOptions = {}): Tensor {
  checkSizes('empty', shape);
  return finish(emptyRaw(shape, checkDType(options.dtype ?? 'float32')), options);
}

/** A tensor where every element is `value`; the dtype follows the value unless given. */
export function full(shape: Shape, value: Scalar, options: CreateOptions = {}): Tensor {
  checkSizes('full', shape);
  const t = emptyRaw(shape, checkDType(options.dtype ?? scalarDType(value)));
  fill(t, scalarValue(value));
  return finish(t, options);
}

/** Zeros, float32 unless `dtype` says otherwise. */
export const zeros = (shape: Shape, options: CreateOptions = {}): Tensor =>
  full(shape, 0, { ...options, dtype: options.dtype ?? 'float32' });
/** Ones, float32 unless `dtype` says otherwise. */
export const ones = (shape: Shape, options: CreateOptions = {}): Tensor =>
  full(shape, 1, { ...options, dtype: options.dtype ?? 'float32' });
/** Undefined content in the shape and dtype of `x`. */
export const emptyLike = (x: Tensor, options: CreateOptions = {}): Tensor => empty(x.shape, { dtype: x.dtype, ...options });
/** Zeros in the shape and dtype of `x`. */
export const zerosLike = (x: Tensor, options: CreateOptions = {}): Tensor => full(x.shape, 0, { dtype: x.dtype, ...options });
/** Ones in the shape and dtype of `x`. */
export const onesLike = (x: Tensor, options: CreateOptions = {}): Tensor => full(x.shape, 1, { dtype: x.dtype, ...options });
/** One value in the shape and dtype of `x`. */
export const fullLike = (x: Tensor, value: Scalar, options: CreateOptions = {}): Tensor =>
  full(x.shape, value, { dtype: x.dtype, ...options });

/** start, start + step, … up to but not including end. `arange(end)` counts from 0. int64 when all are whole numbers, else float32. */
export function arange(start: Scalar, end?: Scalar | CreateOptions, step: Scalar | CreateOptions = 1, options: CreateOptions = {}): Tensor {
  const isOptions = (v: unknown): v is CreateOptions => typeof v === 'object' && v !== null && !(v instanceof FloatScalar);
  if (isOptions(end)) return arange(0, start, 1, end);
  if (end === undefined) return arange(0, start, step, options);
  if (isOptions(step)) return arange(start, end, 1, step);
  const [a, b, s] = [scalarValue(start), scalarValue(end), scalarValue(step)];
  if (!(Number.isFinite(a) && Number.isFinite(b)) || s === 0 || !Number.isFinite(s) || (s > 0 && a > b) || (s < 0 && a < b)) {
    throw new ValueError(`arange: start ${a}, end ${b} and step ${s} describe no range; the step must lead from start to end and not be 0`);
  }
  const dtype = options.dtype ?? ([start, end, step].every((v) => scalarDType(v) === 'int64') ? 'int64' : 'float32');
  checkDType(dtype);
  const n = Math.ceil((b - a) / s);
  const values = new Float64Array(n);
  for (let i = 0; i < n; i++) values[i] = a + i * s;
  const t = emptyRaw([n], dtype === 'float16' || dtype === 'bfloat16' ? 'float32' : dtype);
  writeValues(t, values);
  return finish(t.dtype === dtype ? t : copy(t, dtype), options);
}

/** `steps` evenly spaced values from start to end, both included. */
export function linspace(start: Scalar, end: Scalar, steps: number, options: CreateOptions = {}): Tensor {
  if (!Number.isInteger(steps) || steps < 0) throw new ValueError(`linspace: steps ${steps} must be a whole number of at least 0`);
  const dtype = checkDType(options.dtype ?? 'float32');
  const [a, b] = [scalarValue(start), scalarValue(end)];
  const h = steps > 1 ? (b - a) / (steps - 1) : 0;
  const values = new Float64Array(steps);
  // From both ends inwards, so that the last value is exactly `end`.
  for (let i = 0; i < steps; i++) values[i] = i < steps / 2 ? a + i * h : b - (steps - 1 - i) * h;
  if (steps === 1) values[0] = a;
  const t = emptyRaw([steps], dtype);
  writeValues(t, values);
  return finish(t, options);
}

/** The identity matrix [n, m], m = n unless given. */
export function eye(n: number, m: number | CreateOptions = n, options: CreateOptions = {}): Tensor {
  if (typeof m === 'object') return eye(n, n, m);
  checkSizes('eye', [n, m]);
  const t = zeros([n, m], { dtype: options.dtype ?? 'float32' });
  const w = window(t) as unknown as (number | bigint)[];
  const one = t.dtype === 'int64' ? 1n : 1;
  for (let i = 0; i < Math.min(n, m); i++) w[i * m + i] = one;
  return finish(t, options);
}

const randomKinds = { uniform: 1, normal: 2, integer: 3, bernoulli: 4 } as const;

export interface RandomOptions extends CreateOptions {
  generator?: Generator;
}

/** Fills a contiguous tensor with random numbers (RANDOM instruction). */
export function fillRandom(t: Tensor, kind: keyof typeof randomKinds, a: number, b: number, generator: Generator = defaultGenerator): void {
  const n = t.numel;
  if (n === 0) return;
  const wide = t.dtype === 'float64' || kind === 'integer';
  const first = generator.take(Math.ceil(n / (wide ? 2 : 4)));
  I[0] = 16;
  I[2] = randomKinds[kind];
  I[3] = generator.seed >>> 0;
  I[4] = Math.floor(generator.seed / 2 ** 32);
  I[5] = first % 2 ** 32;
  I[6] = Math.floor(first / 2 ** 32);
  I[7] = n;
  I[8] = t.address;
  I[9] = dtypeCode[t.dtype];
  I[10] = a;
  I[11] = b;
  run(kind, 12);
}

/** Random numbers of a kind in a new tensor. */
export function random(name: string, kind: keyof typeof randomKinds, shape: Shape, a: number, b: number, options: RandomOptions): Tensor {
  checkSizes(name, shape);
  const dtype = checkDType(options.dtype ?? 'float32');
  if (kind !== 'integer' && !isFloating(dtype))
    throw new DTypeError(`${name}: makes floating-point numbers, not ${dtype}; use randint for whole numbers`);
  const t = emptyRaw(shape, dtype);
  fillRandom(t, kind, a, b, options.generator);
  return finish(t, options);
}

/** Uniform random numbers in [0, 1). */
export const rand = (shape: Shape, options: RandomOptions = {}): Tensor => random('rand', 'uniform', shape, 0, 1, options);
/** Standard normal random numbers. */
export const randn = (shape: Shape, options: RandomOptions = {}): Tensor => random('randn', 'normal', shape, 0, 1, options);
/** Whole random numbers in [low, high). */
export function randint(low: number, high: number, shape: Shape, options: RandomOptions = {}): Tensor {
  if (!(high > low)) throw new ValueError(`randint: high ${high} must be greater than low ${low}; the upper bound is exclusive`);
  return random('randint', 'integer', shape, low, high, { ...options, dtype: options.dtype ?? 'int64' });
}
/** A random permutation of 0 … n-1 (int64). */
export function randperm(n: number, options: RandomOptions = {}): Tensor {
  if (!Number.isInteger(n) || n < 0) throw new ValueError(`randperm: ${n} must be a whole number of at least 0`);
  const t = emptyRaw([n], options.dtype ?? 'int64');
  writeValues(t, permutation(n, options.generator));
  return finish(t, options);
}
/** Uniform random numbers in the shape and dtype of `x`. */
export const randLike = (x: Tensor, options: RandomOptions = {}): Tensor => rand(x.shape, { dtype: x.dtype, ...options });
/** Standard normal random numbers in the shape and dtype of `x`. */
export const randnLike = (x: Tensor, options: RandomOptions = {}): Tensor => randn(x.shape, { dtype: x.dtype, ...options });
/** Whole random numbers in [low, high) in the shape and dtype of `x`. */
export const randintLike = (x: Tensor, low: number, high: number, options: RandomOptions = {}): Tensor =>
  randint(low, high, x.shape, { dtype: x.dtype, ...options });

/** A copy of the elements of a contiguous tensor as its own typed array. */
export function hostCopy(t: Tensor, what = 'reading values'): TypedArray {
  const from = readWindow(t, what);
  const out = viewOf(t.dtype, new ArrayBuffer(from.byteLength), 0, t.numel);
  (out as Uint8Array).set(from as Uint8Array);
  return out;
}
