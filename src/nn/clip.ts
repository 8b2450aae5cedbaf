// Clipping of gradients by their common norm or by value.

import { noGrad } from '../autograd/mode.ts';
import { fromTyped } from '../ops/create.ts';
import { changedOutsideGraph } from '../ops/inplace.ts';
import { ewise, loadProgram, type Program } from '../ops/raw.ts';
import { numbersSync } from '../ops/read.ts';
import { clamp, input, mul, param } from '../ops/scalar.ts';
import { GradError, ValueError } from '../runtime/errors.ts';
import { computeTypeOf } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';

let scaleProgram: Program | null = null;
let clampProgram: Program | null = null;

function inPlace(name: string, program: Program, g: Tensor, params: readonly number[]): void {
  noGrad(() => changedOutsideGraph(name, g));
  ewise(name, program, [g], [g], params, computeTypeOf[g.dtype]);
}

const gradients = (parameters: Tensor | Iterable<Tensor>): Tensor[] => {
  const list = parameters instanceof Tensor ? [parameters] : [...parameters];
  return list.map((p) => p.gradInternal).filter((g): g is Tensor => g !== null);
};

/**
 * Scales all gradients so that the norm over all of them together is at most `maxNorm`; returns the norm before (a 0-d tensor).
 * `normType` Infinity takes the largest absolute value. GradError for a norm that is not finite, with `errorIfNonfinite`.
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  { normType = 2, errorIfNonfinite = false }: { normType?: number; errorIfNonfinite?: boolean } = {},
): Tensor {
  if (!(maxNorm >= 0)) throw new ValueError(`clipGradNorm_: maxNorm ${maxNorm} must be at least 0`);
  const grads = gradients(parameters);
  let total = 0;
  for (const g of grads) {
    for (const v of numbersSync(g))
      total = normType === Infinity ? Math.max(total, Math.abs(v)) : total + (normType === 2 ? v * v : Math.abs(v) ** normType);
  }
  const norm = normType === Infinity ? total : total ** (1 / normType);
  if (errorIfNonfinite && !Number.isFinite(norm))
    throw new GradError(`clipGradNorm_: the norm of the gradients is ${norm}; look for the operation with detectAnomaly`);
  const factor = maxNorm / (norm + 1e-6);
  if (!(factor >= 1)) {
    scaleProgram ??= loadProgram([mul(input(0), param(0))], 1);
    for (const g of grads) inPlace('clipGradNorm_', scaleProgram, g, [factor]);
  }
  return grads[0]?.dtype === 'float64' ? fromTyped(Float64Array.of(norm), []) : fromTyped(Float32Array.of(norm), []);
}

/** Limits every element of the gradients to [-clipValue, clipValue]. */
export function clipGradValue_(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  if (!(clipValue >= 0)) throw new ValueError(`clipGradValue_: clipValue ${clipValue} must be at least 0`);
  clampProgram ??= loadProgram([clamp(input(0), param(0), param(1))], 1);
  for (const g of gradients(parameters)) inPlace('clipGradValue_', clampProgram, g, [-clipValue, clipValue]);
}
