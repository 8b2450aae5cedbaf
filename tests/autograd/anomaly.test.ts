// Anomaly mode: the first operation that makes a NaN, in both directions, with the line that called it.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';

const f64 = (v: ft.TensorData, requiresGrad = true): ft.Tensor => ft.tensor(v, { dtype: 'float64', requiresGrad });
/** Matches a message that names the line of this file that has the mark. */
const here = (start: string): RegExp => new RegExp(`${start}.*; called at .*anomaly\\.test\\.ts:\\d+:\\d+`);

describe('detectAnomaly', () => {
  test('forward: names the operation, the place of the NaN and the line', () => {
    const x = f64([
      [1, 2],
      [-3, 4],
    ]);
    expect(() => ft.detectAnomaly(() => x.mul(2).log().exp())).toThrow(
      here('log: made a NaN in its result of shape \\[2, 2\\] at index \\[1, 0\\]'),
    );
    expect(() => ft.detectAnomaly(() => x.mul(1).sqrt_())).toThrow(here('sqrt_: made a NaN'));
  });
  test('forward: data that has a NaN already is told apart', () => {
    expect(() => ft.detectAnomaly(() => f64([1, NaN]).mul(2))).toThrow(here('mul: input 0 already has a NaN'));
  });
  test('backward: names the node whose gradient is NaN and the line of its forward call', () => {
    const x = f64([0, 4]);
    const loss = (): ft.Tensor => ft.sqrt(x).mul(0).sum(); // 0 · ∞ at 0
    expect(() => ft.detectAnomaly(() => loss().backward())).toThrow(
      here('backward: sqrt made a NaN in the gradient of its input 0, shape \\[2\\], at index \\[0\\]'),
    );
    const y = loss();
    expect(() => ft.detectAnomaly(() => y.backward())).toThrow(/run the forward pass inside detectAnomaly too/);
  });
  test('the line is that of the user, also through methods and modules of the library', () => {
    const line = (): string => {
      try {
        ft.detectAnomaly(() => ft.std(f64([1]).mul(NaN)).backward());
      } catch (e) {
        return /called at (.*)$/.exec((e as Error).message)?.[1] ?? '';
      }
      return '';
    };
    expect(line()).toMatch(/anomaly\.test\.ts/);
  });
  test('ends with the function, after errors and for async functions too; setDetectAnomaly switches it', async () => {
    expect(() => ft.detectAnomaly(() => f64([-1]).log())).toThrow(ft.GradError);
    expect(ft.autograd.isAnomalyEnabled()).toBe(false);
    await expect(
      ft.detectAnomaly(async () => {
        await null;
        return f64([-1]).log();
      }),
    ).rejects.toThrow(/log/);
    expect(f64([-1]).log().itemSync()).toBeNaN();
    expect(ft.autograd.setDetectAnomaly(true)).toBe(false);
    expect(() => f64([-1]).log()).toThrow(/log/);
    expect(ft.autograd.setDetectAnomaly(false)).toBe(true);
  });
  test('infinities are no anomaly', () => {
    expect(ft.detectAnomaly(() => f64([0]).log().itemSync())).toBe(-Infinity);
  });
});
