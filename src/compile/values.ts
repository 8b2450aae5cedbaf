// Arguments and results of compiled functions: tensors anywhere in arrays and plain objects. Arguments are described by what a recording
// depends on; results by how to make them again.

import { ValueError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Everything about an argument that a recording depends on. */
export type ArgumentSpec =
  | {
      readonly kind: 'tensor';
      readonly shape: Shape;
      readonly strides: Shape;
      readonly dtype: DType;
      readonly requiresGrad: boolean | null;
    }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'array'; readonly items: readonly ArgumentSpec[] }
  | { readonly kind: 'object'; readonly keys: readonly string[]; readonly items: readonly ArgumentSpec[] };

const isPlain = (v: object): boolean => {
  const p: unknown = Object.getPrototypeOf(v);
  return p === Object.prototype || p === null;
};

/** Describes an argument; its tensors are appended to `found`. */
export function describe(v: unknown, found: Tensor[], depth = 0): ArgumentSpec {
  if (v instanceof Tensor) {
    found.push(v);
    return { kind: 'tensor', shape: v.shape, strides: v.strides, dtype: v.dtype, requiresGrad: v.requiresGrad };
  }
  if (depth > 16) throw new ValueError('compile: an argument is nested more than 16 levels deep; pass its tensors directly');
  if (ArrayBuffer.isView(v) || v instanceof Map || v instanceof Set || v instanceof Date)
    throw new ValueError(
      `compile: an argument is a ${v.constructor.name}, whose content the recording could not watch; make a tensor of it, or pass arrays and plain objects`,
    );
  if (Array.isArray(v)) return { kind: 'array', items: v.map((x: unknown) => describe(x, found, depth + 1)) };
  if (typeof v === 'object' && v !== null && isPlain(v)) {
    const keys = Object.keys(v);
    return { kind: 'object', keys, items: keys.map((k) => describe((v as Record<string, unknown>)[k], found, depth + 1)) };
  }
  return { kind: 'value', value: v };
}

/** Whether an argument is as described; its tensors are put into `found` from `found.length` on. */
export function matches(spec: ArgumentSpec, v: unknown, found: Tensor[]): boolean {
  switch (spec.kind) {
    case 'tensor':
      if (!(v instanceof Tensor) || v.dtype !== spec.dtype || !sameShape(v.shape, spec.shape)) return false;
      if (spec.requiresGrad !== null && v.requiresGrad !== spec.requiresGrad) return false;
      if (v.strides !== spec.strides && !sameShape(v.strides, spec.strides)) return false;
      found.push(v);
      return true;
    case 'value':
      return Object.is(v, spec.value);
    case 'array': {
      if (!Array.isArray(v) || v.length !== spec.items.length) return false;
      for (let i = 0; i < v.length; i++) if (!matches(spec.items[i], v[i], found)) return false;
      return true;
    }
    case 'object': {
      if (typeof v !== 'object' || v === null || v instanceof Tensor || !isPlain(v)) return false;
      const keys = Object.keys(v);
      if (keys.length !== spec.keys.length) return false;
      for (let i = 0; i < keys.length; i++)
        if (keys[i] !== spec.keys[i] || !matches(spec.items[i], (v as Record<string, unknown>)[keys[i]], found)) return false;
      return true;
    }
  }
}

/** A description in words, for dumps. */
export function showSpec(spec: ArgumentSpec): string {
  switch (spec.kind) {
    case 'tensor':
      return `${spec.dtype} ${show(spec.shape)}${spec.requiresGrad ? ' with gradient' : ''}`;
    case 'value':
      return typeof spec.value === 'function' || typeof spec.value === 'object'
        ? spec.value === null
          ? 'null'
          : 'this object'
        : String(spec.value);
    case 'array':
      return `[${spec.items.map(showSpec).join(', ')}]`;
    case 'object':
      return `{ ${spec.keys.map((k, i) => `${k}: ${showSpec(spec.items[i])}`).join(', ')} }`;
  }
}

/** How a result is made again: the number of a tensor, a value as it was, or a container. */
export type ResultSpec =
  | { readonly kind: 'tensor'; readonly index: number }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'array'; readonly items: readonly ResultSpec[] }
  | { readonly kind: 'object'; readonly keys: readonly string[]; readonly items: readonly ResultSpec[] };

/** Describes a result; its tensors are appended to `found`, each once. */
export function describeResult(v: unknown, found: Tensor[], depth = 0): ResultSpec {
  if (v instanceof Tensor) {
    let index = found.indexOf(v);
    if (index < 0) index = found.push(v) - 1;
    return { kind: 'tensor', index };
  }
  if (depth <= 16 && Array.isArray(v)) return { kind: 'array', items: v.map((x: unknown) => describeResult(x, found, depth + 1)) };
  if (depth <= 16 && typeof v === 'object' && v !== null && isPlain(v)) {
    const keys = Object.keys(v);
    return { kind: 'object', keys, items: keys.map((k) => describeResult((v as Record<string, unknown>)[k], found, depth + 1)) };
  }
  return { kind: 'value', value: v };
}

/** Makes a result of its tensors. */
export function makeResult(spec: ResultSpec, tensors: readonly Tensor[]): unknown {
  switch (spec.kind) {
    case 'tensor':
      return tensors[spec.index];
    case 'value':
      return spec.value;
    case 'array':
      return spec.items.map((s) => makeResult(s, tensors));
    case 'object':
      return Object.fromEntries(spec.keys.map((k, i) => [k, makeResult(spec.items[i], tensors)]));
  }
}
