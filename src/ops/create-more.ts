// Creation beyond the basics: logarithmic ranges, triangles, diagonals, block matrices, and tensors made after another one.

import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { checkDType, type DType, isFloating } from '../tensor/dtype.ts';
import { checkSizes, normalizeDim, type Shape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type CreateOptions, empty, fromTyped, full, ones, type TensorData, tensor, zeros } from './create.ts';
import { pow, where } from './elementwise.ts';
import { type Scalar, scalarValue } from './elementwise-apply.ts';
import { cat } from './join.ts';
import { toBoolean } from './read.ts';
import { clone, diagonal, embed, flatten, reshape, unsqueeze } from './view.ts';

export interface LogspaceOptions extends CreateOptions {
  base?: number;
}
/** `steps` values base^start … base^end whose exponents are evenly spaced, both ends included. */
export function logspace(start: Scalar, end: Scalar, steps: number, { base = 10, ...options }: LogspaceOptions = {}): Tensor {
  if (!Number.isInteger(steps) || steps < 0) throw new ValueError(`logspace: steps ${steps} must be a whole number of at least 0`);
  const [a, b] = [scalarValue(start), scalarValue(end)];
  if (!Number.isFinite(a) || !Number.isFinite(b)) throw new ValueError(`logspace: start ${a} and end ${b} must be finite`);
  const h = steps > 1 ? (b - a) / (steps - 1) : 0;
  const values = Float64Array.from({ length: steps }, (_, i) => base ** (i < steps / 2 ? a + i * h : b - (steps - 1 - i) * h));
  if (steps === 1) values[0] = base ** a;
  return tensor(values, { ...options, dtype: options.dtype ?? 'float32' });
}

/** A 0-d tensor; float32 unless `dtype` says otherwise, whatever the value is. */
export const scalarTensor = (value: Scalar, options: CreateOptions = {}): Tensor =>
  full([], value, { ...options, dtype: options.dtype ?? 'float32' });

const wholeOffset = (name: string, option: string, v: number): number => {
  if (!Number.isInteger(v)) throw new ValueError(`${name}: ${option} ${v} must be a whole number`);
  return v;
};

export interface TriangleOptions {
  /** Which diagonal bounds the triangle: 0 the main one, positive above it. */
  diagonal?: number;
}
function triangle(name: 'tril' | 'triu', x: Tensor, offset: number): Tensor {
  if (x.ndim < 2) throw new ShapeError(`${name}: needs a matrix or a batch of them, got shape ${show(x.shape)}`);
  wholeOffset(name, 'diagonal', offset);
  const [rows, columns] = x.shape.slice(-2);
  const keep = new Uint8Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    // tril keeps columns up to i + offset, triu those from it
    const edge = Math.min(Math.max(i + offset + (name === 'tril' ? 1 : 0), 0), columns);
    if (name === 'tril') keep.fill(1, i * columns, i * columns + edge);
    else keep.fill(1, i * columns + edge, (i + 1) * columns);
  }
  // selection, not a product: what is cut off may be infinite
  return where(fromTyped(keep, [rows, columns], 'bool'), x, x.dtype === 'bool' ? false : 0);
}
/** The lower triangle of matrices [..., n, m], zero above the diagonal. */
export const tril = (x: Tensor, { diagonal: offset = 0 }: TriangleOptions = {}): Tensor => triangle('tril', x, offset);
/** The upper triangle of matrices [..., n, m], zero below the diagonal. */
export const triu = (x: Tensor, { diagonal: offset = 0 }: TriangleOptions = {}): Tensor => triangle('triu', x, offset);

export interface TriangleIndicesOptions {
  offset?: number;
  dtype?: DType;
}
function triangleIndices(
  name: 'trilIndices' | 'triuIndices',
  row: number,
  col: number,
  { offset = 0, dtype = 'int64' }: TriangleIndicesOptions,
): Tensor {
  checkSizes(name, [row, col]);
  wholeOffset(name, 'offset', offset);
  if (dtype !== 'int64' && dtype !== 'int32') throw new DTypeError(`${name}: positions are int64 or int32, not ${dtype}`);
  const at: [number[], number[]] = [[], []];
  for (let i = 0; i < row; i++) {
    const edge = Math.min(Math.max(i + offset + (name === 'trilIndices' ? 1 : 0), 0), col);
    const [from, to] = name === 'trilIndices' ? [0, edge] : [edge, col];
    for (let j = from; j < to; j++) {
      at[0].push(i);
      at[1].push(j);
    }
  }
  const values = [...at[0], ...at[1]];
  return dtype === 'int64'
    ? fromTyped(BigInt64Array.from(values, BigInt), [2, at[0].length])
    : fromTyped(Int32Array.from(values), [2, at[0].length]);
}
/** Row and column positions [2, count] of the lower triangle of a row×col matrix, row by row. */
export const trilIndices = (row: number, col: number, options: TriangleIndicesOptions = {}): Tensor =>
  triangleIndices('trilIndices', row, col, options);
/** Row and column positions [2, count] of the upper triangle of a row×col matrix, row by row. */
export const triuIndices = (row: number, col: number, options: TriangleIndicesOptions = {}): Tensor =>
  triangleIndices('triuIndices', row, col, options);

export interface DiagEmbedOptions {
  offset?: number;
  dim1?: number;
  dim2?: number;
}
/** Matrices, zero but for a diagonal that holds the last dimension of `x`; they lie in dimensions dim1 and dim2 of the result. */
export function diagEmbed(x: Tensor, { offset = 0, dim1 = -2, dim2 = -1 }: DiagEmbedOptions = {}): Tensor {
  if (x.ndim === 0) throw new ShapeError('diagEmbed: a 0-d tensor has no dimension to lay on a diagonal; use reshape([1]) first');
  wholeOffset('diagEmbed', 'offset', offset);
  const ndim = x.ndim + 1;
  const [a, b] = [normalizeDim('diagEmbed', dim1, ndim, 'dim1'), normalizeDim('diagEmbed', dim2, ndim, 'dim2')];
  if (a === b) throw new ShapeError(`diagEmbed: dim1 ${dim1} and dim2 ${dim2} are the same dimension of the ${ndim}-d result`);
  const side = x.shape[x.ndim - 1] + Math.abs(offset);
  const rest = x.shape.slice(0, -1);
  const shape = Array.from({ length: ndim }, (_, i) => (i === a || i === b ? side : (rest.shift() as number)));
  return embed(x, shape, (t) => diagonal(t, { offset, dim1: a, dim2: b }));
}
/** A 1-d tensor becomes a matrix with it on a diagonal; of a matrix, a diagonal is taken. */
export function diag(x: Tensor, { diagonal: offset = 0 }: TriangleOptions = {}): Tensor {
  if (x.ndim === 1) return diagEmbed(x, { offset });
  if (x.ndim === 2) return clone(diagonal(x, { offset: wholeOffset('diag', 'diagonal', offset) }));
  throw new ShapeError(`diag: needs a vector or a matrix, got shape ${show(x.shape)}; use diagonal or diagEmbed for batches`);
}
/** A matrix with all elements of `x` on a diagonal. */
export const diagflat = (x: Tensor, { offset = 0 }: { offset?: number } = {}): Tensor => diagEmbed(flatten(x), { offset });

export interface VanderOptions {
  /** Number of columns; the length of `x` unless given. */
  N?: number;
  /** Powers rise from left to right. */
  increasing?: boolean;
}
/** The Vandermonde matrix: a row holds the powers of one element of the 1-d `x`. */
export function vander(x: Tensor, { N, increasing = false }: VanderOptions = {}): Tensor {
  if (x.ndim !== 1) throw new ShapeError(`vander: needs a 1-d tensor, got shape ${show(x.shape)}`);
  const n = N ?? x.shape[0];
  checkSizes('vander', [n]);
  const exponents = BigInt64Array.from({ length: n }, (_, j) => BigInt(increasing ? j : n - 1 - j));
  return pow(unsqueeze(x, 1), fromTyped(exponents, [n]));
}

/** Matrices side by side along the diagonal of a larger one, zero elsewhere. Vectors count as one row, numbers as 1×1. */
export function blockDiag(...blocks: readonly Tensor[]): Tensor {
  if (blocks.length === 0) return empty([1, 0]);
  const matrices = blocks.map((t, i) => {
    if (t.ndim > 2) throw new ShapeError(`blockDiag: tensor ${i} has shape ${show(t.shape)}; expected at most 2 dimensions`);
    return t.ndim === 2 ? t : reshape(t, [1, t.numel]);
  });
  const width = matrices.reduce((w, t) => w + t.shape[1], 0);
  let at = 0;
  const bands = matrices.map((t) => {
    const [rows, columns] = t.shape;
    const band = cat([zeros([rows, at], { dtype: t.dtype }), t, zeros([rows, width - at - columns], { dtype: t.dtype })], 1);
    at += columns;
    return band;
  });
  return cat(bands);
}

/** Zeros of any shape in the dtype of `x`. */
export const newZeros = (x: Tensor, shape: Shape, options: CreateOptions = {}): Tensor => zeros(shape, { dtype: x.dtype, ...options });
/** Ones of any shape in the dtype of `x`. */
export const newOnes = (x: Tensor, shape: Shape, options: CreateOptions = {}): Tensor => ones(shape, { dtype: x.dtype, ...options });
/** Undefined content of any shape in the dtype of `x`. */
export const newEmpty = (x: Tensor, shape: Shape, options: CreateOptions = {}): Tensor => empty(shape, { dtype: x.dtype, ...options });
/** One value in any shape in the dtype of `x`. */
export const newFull = (x: Tensor, shape: Shape, value: Scalar, options: CreateOptions = {}): Tensor =>
  full(shape, value, { dtype: x.dtype, ...options });
/** The given values in the dtype of `x`. */
export const newTensor = (x: Tensor, data: TensorData | Tensor, options: CreateOptions = {}): Tensor =>
  tensor(data, { dtype: x.dtype, ...options });

/** True for float32, float64, float16 and bfloat16, of a tensor or a dtype. */
export const isFloatingPoint = (x: Tensor | DType): boolean => isFloating(typeof x === 'string' ? checkDType(x) : x.dtype);
/** The truth of the only element. ShapeError for more than one, or none. */
export const isNonzero = (x: Tensor): boolean => toBoolean(x);

export const createMethods = {
  tril,
  triu,
  diag,
  diagEmbed,
  diagflat,
  newZeros,
  newOnes,
  newEmpty,
  newFull,
  newTensor,
  isFloatingPoint,
  isNonzero,
};
