// Turns the JSON values of a case into tensors and plain values, and remembers which tensor stands at which argument path.

import type { DType } from '../src/tensor/dtype.ts';
import type { Json, JsonObject } from './cases.ts';
import { ft, type Tensor } from './library.ts';
import { CaseFileError, type HostArray } from './tensors.ts';
import { DistributionValue, ELLIPSIS, IndexValue, ModuleValue, PyFloat, SliceValue } from './values.ts';

/** An expected complex result: real and imaginary part. */
export class ComplexValue {
  readonly re: HostArray;
  readonly im: HostArray;
  constructor(re: HostArray, im: HostArray) {
    this.re = re;
    this.im = im;
  }
}

export const isObject = (v: Json | undefined): v is JsonObject => typeof v === 'object' && v !== null && !Array.isArray(v);

export function parseFloatTag(text: Json): number {
  if (text === 'nan') return Number.NaN;
  if (text === 'inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  const v = typeof text === 'number' ? text : typeof text === 'string' && text.trim() !== '' ? Number(text) : Number.NaN;
  if (Number.isNaN(v)) throw new CaseFileError(`the value {"f": ${JSON.stringify(text)}} is no number`);
  return v;
}

type ViewStep = readonly Json[];

/** One step of a view, made by the library itself: views are part of what is tested. */
function applyView(t: Tensor, step: ViewStep): Tensor {
  const [kind, ...a] = step;
  const n = (i: number): number => {
    if (typeof a[i] !== 'number') throw new CaseFileError(`a view step [${step.map((s) => JSON.stringify(s)).join(', ')}] lacks a number`);
    return a[i] as number;
  };
  const orNull = (i: number): number | null => (a[i] === null || a[i] === undefined ? null : n(i));
  switch (kind) {
    case 'transpose':
      return ft.transpose(t, n(0), n(1));
    case 'slice':
      return ft.slice(t, n(0), orNull(1), orNull(2), orNull(3) ?? 1);
    case 'select':
      return ft.select(t, n(0), n(1));
    case 'permute':
      return ft.permute(t, a[0] as number[]);
    case 'expand':
      return ft.expand(t, a[0] as number[]);
    case 'unsqueeze':
      return ft.unsqueeze(t, n(0));
    case 'diagonal':
      return ft.diagonal(t, { offset: n(0), dim1: n(1), dim2: n(2) });
    default:
      throw new CaseFileError(`unknown view step '${String(kind)}'`);
  }
}

export const toTensor = (h: HostArray): Tensor => ft.fromTyped(h.data.slice(), h.shape, h.dtype);

/** Decodes the values of one case. */
export class Decoder {
  readonly tensors: ReadonlyMap<string, HostArray>;
  readonly group: string;
  /** Leaves by argument path: the base tensors, not their views. */
  readonly leaves = new Map<string, Tensor>();
  /** What stands at a path: a view where the case gives one. */
  readonly at = new Map<string, Tensor>();
  readonly #wanted: ReadonlySet<string>;

  constructor(group: string, tensors: ReadonlyMap<string, HostArray>, wanted: Iterable<string> = []) {
    this.group = group;
    this.tensors = tensors;
    this.#wanted = new Set(wanted);
  }

  host(name: Json): HostArray {
    const h = typeof name === 'string' ? this.tensors.get(name) : undefined;
    if (h === undefined) throw new CaseFileError(`tensor ${JSON.stringify(name)} is not in ${this.group}.safetensors`);
    return h;
  }

  /** An argument. Floats stay marked (PyFloat), the adapter decides what they become. */
  value(v: Json, path = ''): unknown {
    if (v === null || typeof v !== 'object') return v;
    if (Array.isArray(v)) return v.map((x: Json, i) => this.value(x, `${path}.${i}`));
    const o = v as JsonObject;
    if ('$' in o) return this.tensor(o, path);
    if ('f' in o) return new PyFloat(parseFloatTag(o.f));
    if ('dtype' in o) return o.dtype as DType;
    if ('slice' in o) return slice(o.slice);
    if ('ellipsis' in o) return ELLIPSIS;
    if ('index' in o && Array.isArray(o.index)) return new IndexValue(o.index.map((x: Json, i) => this.value(x, `${path}.index.${i}`)));
    if ('dist' in o) return new DistributionValue(String(o.dist), this.named((o.kwargs ?? {}) as JsonObject, `${path}.kwargs`));
    if ('module' in o)
      return new ModuleValue(
        String(o.module),
        this.list((o.args ?? []) as readonly Json[], `${path}.args`),
        this.named((o.kwargs ?? {}) as JsonObject, `${path}.kwargs`),
      );
    return this.named(o, path);
  }

  tensor(o: JsonObject, path: string): Tensor {
    const base = toTensor(this.host(o.$));
    if (this.#wanted.has(path)) {
      base.requiresGrad = true;
      this.leaves.set(path, base);
    }
    let t = base;
    if (Array.isArray(o.view)) for (const step of o.view as readonly ViewStep[]) t = applyView(t, step);
    this.at.set(path, t);
    return t;
  }

  list(vs: readonly Json[], path: string): unknown[] {
    return vs.map((v, i) => this.value(v, `${path}.${i}`));
  }

  /** Keywords: the object itself is never a tagged value. */
  named(o: JsonObject, path: string): Record<string, unknown> {
    return Object.fromEntries(Object.entries(o).map(([k, v]) => [k, this.value(v, `${path}.${k}`)]));
  }

  /** An expected result: tensors stay outside of the library. */
  expected(v: Json): unknown {
    if (v === null || typeof v !== 'object') return v;
    if (Array.isArray(v)) return v.map((x: Json) => this.expected(x));
    const o = v as JsonObject;
    if ('$' in o) {
      if (o.view !== undefined) throw new CaseFileError('an expected result cannot be a view');
      return this.host(o.$);
    }
    if ('f' in o) return new PyFloat(parseFloatTag(o.f));
    if ('dtype' in o) return o.dtype;
    if ('complex' in o && Array.isArray(o.complex)) {
      const [re, im] = o.complex.map((x: Json) => this.expected(x)) as HostArray[];
      return new ComplexValue(re, im);
    }
    throw new CaseFileError(`an expected result has the unknown form {${Object.keys(o).join(', ')}}`);
  }
}

function slice(v: Json): SliceValue {
  const part = (i: number): number | null => {
    const p = Array.isArray(v) ? (v[i] as Json) : undefined;
    if (p === null || typeof p === 'number') return p;
    throw new CaseFileError(`a slice must be three numbers or nulls, got ${JSON.stringify(v)}`);
  };
  return new SliceValue(part(0), part(1), part(2));
}

/** All dtypes that a case's tensors and dtype arguments have. */
export function dtypesOf(v: unknown, tensors: ReadonlyMap<string, HostArray>, out: Set<string> = new Set()): Set<string> {
  if (typeof v !== 'object' || v === null) return out;
  if (Array.isArray(v)) for (const x of v) dtypesOf(x, tensors, out);
  else {
    const o = v as Record<string, unknown>;
    if (typeof o.$ === 'string') out.add(tensors.get(o.$)?.dtype ?? 'float32');
    else if (typeof o.dtype === 'string') out.add(o.dtype);
    for (const x of Object.values(o)) dtypesOf(x, tensors, out);
  }
  return out;
}
