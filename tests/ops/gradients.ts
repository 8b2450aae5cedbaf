// Checks derivatives against central differences in float64.

import { expect } from 'vitest';
import * as ft from '../../src/index.ts';

/** Weights that make a scalar of a result, different for every element. */
const weights = (shape: readonly number[]): ft.Tensor => {
  const n = shape.reduce((a, b) => a * b, 1);
  return ft.fromTyped(
    Float64Array.from({ length: n }, (_, i) => 1 + 0.37 * Math.sin(i + 1)),
    shape,
  );
};

/** Compares the gradients of `fn` at float64 `inputs` with central differences of step `h`. */
export function checkGradients(
  fn: (...xs: ft.Tensor[]) => ft.Tensor,
  inputs: readonly ft.Tensor[],
  { h = 1e-6, tolerance = 1e-5 } = {},
): void {
  const leaves = inputs.map((x) => ft.clone(x.detach()).requiresGrad_());
  const loss = (xs: readonly ft.Tensor[]): ft.Tensor => {
    const y = fn(...xs);
    return ft.sum(ft.mul(y, weights(y.shape)));
  };
  const grads = ft.grad(loss(leaves), leaves, { allowUnused: true });
  inputs.forEach((x, k) => {
    const values = Float64Array.from(x.numbersSync());
    const got = grads[k]?.numbersSync() ?? Array.from(values, () => 0);
    for (let i = 0; i < values.length; i++) {
      const at = (d: number): number => {
        const moved = values.slice();
        moved[i] += d;
        return loss(inputs.map((t, j) => (j === k ? ft.fromTyped(moved, x.shape) : t))).itemSync();
      };
      const want = (at(h) - at(-h)) / (2 * h);
      expect(Math.abs(got[i] - want), `input ${k}, element ${i}: got ${got[i]}, differences give ${want}`).toBeLessThanOrEqual(
        tolerance * (1 + Math.abs(want)),
      );
    }
  });
}
