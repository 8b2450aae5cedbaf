// Compares first and second derivatives with differences in float64, for several layouts of the inputs.

import { expect } from 'vitest';
import * as ft from '../../src/index.ts';

const { gradcheck, gradgradcheck } = ft.autograd;
const first = { mode: 'projection', eps: 1e-5, atol: 1e-6, rtol: 1e-5 } as const;
const second = { ...first, atol: 1e-5, rtol: 1e-4 } as const;

/** The same numbers in another place of memory. */
const layouts = {
  contiguous: (x: ft.Tensor) => ft.clone(x),
  transposed: (x: ft.Tensor) => ft.clone(x.transpose(0, -1)).transpose(0, -1),
  sliced(x: ft.Tensor): ft.Tensor {
    const room = ft.zeros([...x.shape.slice(0, -1), 2 * x.shape[x.ndim - 1] + 1], { dtype: 'float64' });
    return room.slice(-1, 1, null, 2).copy_(x);
  },
};
export type Layout = keyof typeof layouts;
export const layoutNames = Object.keys(layouts) as Layout[];

/** A leaf with the numbers of `x` in a layout. */
export const leafOf = (x: ft.Tensor, layout: Layout = 'contiguous'): ft.Tensor =>
  (x.ndim === 0 ? ft.clone(x) : layouts[layout](x)).detach().requiresGrad_();

/** First and (unless `once`) second derivatives of `fn` at the inputs. */
export function checkDerivatives(fn: (...xs: ft.Tensor[]) => unknown, inputs: readonly ft.Tensor[], where: string, once = false): void {
  expect(gradcheck(fn, inputs, first), where).toBe(true);
  if (!once) expect(gradgradcheck(fn, inputs, second), `${where}, second order`).toBe(true);
}

/** The same in every layout. */
export function checkEverywhere(fn: (...xs: ft.Tensor[]) => unknown, inputs: readonly ft.Tensor[], once = false): void {
  for (const layout of layoutNames)
    checkDerivatives(
      fn,
      inputs.map((x) => leafOf(x, layout)),
      layout,
      once,
    );
}
