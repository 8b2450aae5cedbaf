// Checks derivatives against central differences in float64.

import * as ft from '../../src/index.ts';

/** Compares the gradients of `fn` at float64 `inputs` with central differences of step `h`; a GradError names the worst entry. */
export function checkGradients(
  fn: (...xs: ft.Tensor[]) => ft.Tensor,
  inputs: readonly ft.Tensor[],
  { h = 1e-6, tolerance = 1e-5 } = {},
): void {
  const leaves = inputs.map((x) => ft.clone(x.detach()).requiresGrad_());
  ft.autograd.gradcheck(fn, leaves, { eps: h, atol: tolerance, rtol: tolerance });
}
