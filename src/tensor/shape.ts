// Shape arithmetic: strides, broadcasting, reshaping of views, dimension arguments.

import { IndexError, ShapeError } from '../runtime/errors.ts';

export type Shape = readonly number[];

export function numelOf(shape: Shape): number {
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i];
  return n;
}

/** Row-major strides in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= Math.max(shape[i], 1);
  }
  return strides;
}

export function isContiguous(shape: Shape, strides: Shape): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const n = shape[i];
    if (n === 0) return true;
    if (n !== 1) {
      if (strides[i] !== step) return false;
      step *= n;
    }
  }
  return true;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export const show = (shape: Shape): string => `[${shape.join(', ')}]`;

/** The shape that all given shapes broadcast to; ShapeError names the operation and both shapes. */
export function broadcastShapes(op: string, ...shapes: Shape[]): Shape {
  let result = shapes[0] ?? [];
  for (let k = 1; k < shapes.length; k++) {
    const s = shapes[k];
    if (sameShape(result, s)) continue;
    const n = Math.max(result.length, s.length);
    const out = new Array<number>(n);
    for (let i = 1; i <= n; i++) {
      const a = i <= result.length ? result[result.length - i] : 1;
      const b = i <= s.length ? s[s.length - i] : 1;
      if (a !== b && a !== 1 && b !== 1) {
        throw new ShapeError(
          `${op}: shapes ${show(shapes[0])} and ${show(s)} do not broadcast: dimension ${n - i} is ${a} in one and ${b} in the other; they must be equal, or one of them 1`,
        );
      }
      out[n - i] = a === 1 ? b : a;
    }
    result = out;
  }
  return result;
}

/** Strides of a tensor of `shape` seen as `target` (0 along broadcast dimensions). */
export function broadcastStrides(shape: Shape, strides: Shape, target: Shape): number[] {
  const out = new Array<number>(target.length).fill(0);
  const lead = target.length - shape.length;
  for (let i = 0; i < shape.length; i++) out[lead + i] = shape[i] === 1 && target[lead + i] !== 1 ? 0 : strides[i];
  return out;
}

/** A dimension argument, counted from the end when negative; a 0-d tensor accepts 0 and -1. */
export function normalizeDim(op: string, dim: number, ndim: number, name = 'dim'): number {
  const n = Math.max(ndim, 1);
  if (!Number.isInteger(dim) || dim < -n || dim >= n) {
    throw new IndexError(`${op}: ${name} ${dim} is out of range for ${ndim} dimension(s); use ${-n} to ${n - 1}`);
  }
  return dim < 0 ? dim + n : dim;
}

/** A list of dimensions without repeats; undefined or an empty list means all of them. */
export function normalizeDims(op: string, dim: number | readonly number[] | undefined | null, ndim: number): number[] {
  if (dim === undefined || dim === null) return Array.from({ length: ndim }, (_, i) => i);
  if (typeof dim === 'number') {
    const d = normalizeDim(op, dim, ndim);
    return ndim === 0 ? [] : [d];
  }
  if (dim.length === 0) return Array.from({ length: ndim }, (_, i) => i);
  const out = dim.map((d) => normalizeDim(op, d, ndim));
  if (new Set(out).size !== out.length) throw new ShapeError(`${op}: dim ${show(dim)} names a dimension twice`);
  return ndim === 0 ? [] : out;
}

/** Checks sizes given by the user: whole numbers of at least 0 (or -1 where `infer`). */
export function checkSizes(op: string, sizes: Shape, infer = false): void {
  if (!Array.isArray(sizes)) throw new ShapeError(`${op}: the shape must be an array of sizes, got ${String(sizes)}`);
  for (const s of sizes) {
    if (!Number.isInteger(s) || s < (infer ? -1 : 0)) {
      throw new ShapeError(
        `${op}: shape ${show(sizes)} has the size ${s}; sizes are whole numbers of at least 0${infer ? ' (or one -1)' : ''}`,
      );
    }
  }
}

/** Fills in the -1 of a reshape. */
export function inferShape(op: string, shape: Shape, numel: number, from: Shape): number[] {
  checkSizes(op, shape, true);
  const out = shape.slice();
  const hole = shape.indexOf(-1);
  if (hole !== shape.lastIndexOf(-1)) throw new ShapeError(`${op}: shape ${show(shape)} has more than one -1`);
  let known = 1;
  for (const s of shape) if (s !== -1) known *= s;
  if (hole >= 0) {
    if (known === 0 || numel % known !== 0) {
      throw new ShapeError(
        `${op}: ${numel} element(s) of shape ${show(from)} do not fit ${show(shape)}: the other sizes multiply to ${known}`,
      );
    }
    out[hole] = numel / known;
  } else if (known !== numel) {
    throw new ShapeError(`${op}: shape ${show(shape)} needs ${known} element(s), but the tensor of shape ${show(from)} has ${numel}`);
  }
  return out;
}

/** Strides that show the same elements under another shape without copying, or null when a copy is needed. */
export function viewStrides(oldShape: Shape, oldStrides: Shape, newShape: Shape): number[] | null {
  if (isContiguous(oldShape, oldStrides)) return contiguousStrides(newShape);
  // Walk groups of old dimensions that are dense among themselves and fill them with new dimensions.
  const shape: number[] = [];
  const strides: number[] = [];
  for (let i = 0; i < oldShape.length; i++) {
    if (oldShape[i] !== 1) {
      shape.push(oldShape[i]);
      strides.push(oldStrides[i]);
    }
  }
  const out = new Array<number>(newShape.length);
  let view = newShape.length - 1;
  let end = shape.length - 1; // innermost dimension of the group
  let groupNumel = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    groupNumel *= shape[i];
    if (i > 0 && strides[i - 1] === shape[i] * strides[i]) continue;
    let viewNumel = 1;
    while (view >= 0 && (viewNumel < groupNumel || newShape[view] === 1)) {
      out[view] = viewNumel * strides[end];
      viewNumel *= newShape[view--];
    }
    if (viewNumel !== groupNumel) return null;
    groupNumel = 1;
    end = i - 1;
  }
  while (view >= 0) {
    if (newShape[view] !== 1) return null;
    out[view--] = 1;
  }
  return out;
}

/** Merges neighbouring dimensions that every operand steps through evenly. Operands are stride lists over `shape`. */
export function coalesce(shape: Shape, operands: readonly Shape[]): { shape: number[]; strides: number[][] } {
  const outShape: number[] = [];
  const outStrides: number[][] = operands.map(() => []);
  for (let i = 0; i < shape.length; i++) {
    const n = shape[i];
    if (n === 1) continue;
    const last = outShape.length - 1;
    let merge = last >= 0;
    for (let k = 0; merge && k < operands.length; k++) merge = outStrides[k][last] === operands[k][i] * n;
    if (merge) {
      outShape[last] *= n;
      for (let k = 0; k < operands.length; k++) outStrides[k][last] = operands[k][i];
    } else {
      outShape.push(n);
      for (let k = 0; k < operands.length; k++) outStrides[k].push(operands[k][i]);
    }
  }
  return { shape: outShape, strides: outStrides };
}
