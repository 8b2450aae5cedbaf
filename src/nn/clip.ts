// Clipping of gradients by their common norm or by value. Norm and factor stay on the device: nothing is read back.

import { noGrad } from '../autograd/mode.ts';
import { zeros } from '../ops/create.ts';
import { changedOutsideGraph } from '../ops/inplace.ts';
import { alias, cast, empty, ewise, loadProgram, type Program, reduceProgram } from '../ops/raw.ts';
import { itemSync } from '../ops/read.ts';
import * as s from '../ops/scalar.ts';
import { input, param } from '../ops/scalar.ts';
import { GradError, ValueError } from '../runtime/errors.ts';
import { computeTypeOf } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';

const magnitude = s.abs(input(0));
/** Programs by what they compute; loaded when first used. */
const expressions = {
  square: s.square(input(0)),
  magnitude,
  power: s.pow(magnitude, param(0)),
  present: s.ne(input(0), 0),
  identity: input(0),
  squareRoot: s.sqrt(input(0)),
  root: s.pow(input(0), s.recip(param(0))),
  // min(1, max / (norm + ε)): a NaN norm makes every gradient NaN, as it should
  scale: s.mul(input(0), s.clamp(s.div(param(0), s.add(input(1), 1e-6)), Number.NEGATIVE_INFINITY, 1)),
  clamp: s.clamp(input(0), param(0), param(1)),
} as const;
const programs = new Map<keyof typeof expressions, Program>();
function programOf(name: keyof typeof expressions): Program {
  let p = programs.get(name);
  if (p === undefined) programs.set(name, (p = loadProgram([expressions[name]], name === 'scale' ? 2 : 1)));
  return p;
}

function inPlace(name: string, program: Program, g: Tensor, more: readonly Tensor[], params: readonly number[]): void {
  noGrad(() => changedOutsideGraph(name, g));
  ewise(name, program, [g], [g, ...more], params, computeTypeOf[g.dtype]);
}

const gradients = (parameters: Tensor | Iterable<Tensor>): Tensor[] => {
  const list = parameters instanceof Tensor ? [parameters] : [...parameters];
  return list.map((p) => p.gradInternal).filter((g): g is Tensor => g !== null);
};

/** The norm over all elements of all tensors together, 0-d in float64: one reduction for each, and one over their results. */
function commonNorm(name: string, tensors: readonly Tensor[], p: number): Tensor {
  const extreme = p === Number.POSITIVE_INFINITY ? 'max' : p === Number.NEGATIVE_INFINITY ? 'min' : 'sum';
  const term = extreme !== 'sum' ? 'magnitude' : p === 2 ? 'square' : p === 1 ? 'magnitude' : p === 0 ? 'present' : 'power';
  const full = tensors.filter((t) => t.numel > 0);
  const parts = empty([Math.max(full.length, 1)], 'float64');
  if (full.length === 0) return zeros([], { dtype: 'float64' });
  full.forEach((t, i) => {
    const dims = t.shape.map((_, d) => d);
    reduceProgram(name, extreme, programOf(term), alias(parts, [], [], i), [t], t.shape, dims, [p], computeTypeOf[t.dtype]);
  });
  const total = empty([], 'float64');
  reduceProgram(name, extreme, programOf('identity'), total, [parts], parts.shape, [0], [], 1);
  parts.dispose();
  if (extreme === 'sum' && p !== 1 && p !== 0) {
    const square = p === 2;
    ewise(name, programOf(square ? 'squareRoot' : 'root'), [total], [total], square ? [] : [p], 1);
  }
  return total;
}

export interface ClipNormOptions {
  /** Order of the norm; Infinity takes the largest absolute value. */
  normType?: number;
  /** Throw a GradError for a norm that is not finite. This reads the norm back. */
  errorIfNonfinite?: boolean;
}

/** The norm over all elements of all tensors together, as a 0-d tensor in the dtype of the first. */
export function getTotalNorm(tensors: Tensor | Iterable<Tensor>, { normType = 2, errorIfNonfinite = false }: ClipNormOptions = {}): Tensor {
  const list = tensors instanceof Tensor ? [tensors] : [...tensors];
  if (Number.isNaN(normType)) throw new ValueError('getTotalNorm: normType is NaN; it must be a number');
  const norm = noGrad(() => commonNorm('getTotalNorm', list, normType));
  if (errorIfNonfinite) checkFinite('getTotalNorm', norm);
  return cast(norm, list[0]?.dtype ?? 'float32');
}

function checkFinite(name: string, norm: Tensor): void {
  const value = itemSync(norm);
  if (!Number.isFinite(value))
    throw new GradError(`${name}: the norm of the gradients is ${value}; look for the operation with detectAnomaly`);
}

/**
 * Scales all gradients so that the norm over all of them together is at most `maxNorm`; returns the norm before (a 0-d tensor).
 * GradError for a norm that is not finite, with `errorIfNonfinite`.
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  { normType = 2, errorIfNonfinite = false }: ClipNormOptions = {},
): Tensor {
  const name = 'clipGradNorm_';
  if (!(maxNorm >= 0)) throw new ValueError(`${name}: maxNorm ${maxNorm} must be at least 0`);
  const grads = gradients(parameters);
  const norm = getTotalNorm(grads, { normType, errorIfNonfinite: false });
  if (errorIfNonfinite) checkFinite(name, norm);
  for (const g of grads) inPlace(name, programOf('scale'), g, [norm], [maxNorm]);
  return norm;
}

/** Limits every element of the gradients to [-clipValue, clipValue]. */
export function clipGradValue_(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  if (!(clipValue >= 0)) throw new ValueError(`clipGradValue_: clipValue ${clipValue} must be at least 0`);
  for (const g of gradients(parameters)) inPlace('clipGradValue_', programOf('clamp'), g, [], [-clipValue, clipValue]);
}
