// The rules of comparison: tolerances, special values, shapes, dtypes, free signs and free order.

import { describe, expect, test } from 'vitest';
import { compareArrays, compareGradient, compareResults, compareValue, flattenResult, type Tolerance } from '../../conformance/compare.ts';
import { ComplexValue } from '../../conformance/decode.ts';
import { ft } from '../../conformance/library.ts';
import { PyFloat } from '../../conformance/values.ts';
import { f32, i64 } from './fixtures.ts';

const tol: Tolerance = { rtol: 1e-4, atol: 1e-5, intAtol: 0, mode: 'value' };
const t = (...v: number[]) => ft.tensor(v, { dtype: 'float32' });

describe('compareArrays', () => {
  test('values within atol + rtol * |want| are equal', () => {
    expect(compareArrays('out', f32([2], 1, 100), f32([2], 1.0001, 100.009), tol)).toBeNull();
    expect(compareArrays('out', f32([2], 1, 100), f32([2], 1, 100.02), tol)?.message).toContain('most at [1]');
  });

  test('the worst element is reported, with what stands around it', () => {
    const d = compareArrays('out', f32([2, 2], 1, 2, 3, 9), f32([2, 2], 1, 2.5, 3, 4), tol);
    expect(d?.message).toContain('2 of 4 elements of [2, 2] differ, most at [1, 1]: expected 4, got 9');
    expect(d?.message).toContain('expected 1 2.5 3 4, got 1 2 3 9');
    expect(d?.error).toBe(5);
  });

  test('NaN equals NaN only, infinities by sign', () => {
    expect(compareArrays('out', f32([3], Number.NaN, Infinity, -Infinity), f32([3], Number.NaN, Infinity, -Infinity), tol)).toBeNull();
    expect(compareArrays('out', f32([1], 0), f32([1], Number.NaN), tol)).not.toBeNull();
    expect(compareArrays('out', f32([1], Number.NaN), f32([1], 0), tol)).not.toBeNull();
    expect(compareArrays('out', f32([1], Infinity), f32([1], -Infinity), tol)).not.toBeNull();
    expect(compareArrays('out', f32([1], 1e30), f32([1], Infinity), tol)).not.toBeNull();
  });

  test('shape and dtype must match, for empty tensors too', () => {
    expect(compareArrays('out', f32([0, 2]), f32([0, 3]), tol)?.message).toBe('shape [0, 2] instead of [0, 3]');
    expect(compareArrays('out', i64([1], 1), f32([1], 1), tol)?.message).toBe('dtype int64 instead of float32');
  });

  test('integers are exact unless int_atol allows a difference', () => {
    expect(compareArrays('out', i64([1], 3), i64([1], 4), tol)).not.toBeNull();
    expect(compareArrays('out', i64([1], 3), i64([1], 4), { ...tol, intAtol: 1 })).toBeNull();
    const big = { dtype: 'int64', shape: [1], data: new BigInt64Array([2n ** 60n]) } as const;
    expect(compareArrays('out', big, { ...big, data: new BigInt64Array([2n ** 60n + 1n]) }, tol)).not.toBeNull();
  });

  test("'abs' leaves signs free and 'shape' all values", () => {
    expect(compareArrays('out', f32([1], -2), f32([1], 2), { ...tol, mode: 'abs' })).toBeNull();
    expect(compareArrays('out', f32([1], -2), f32([1], 7), { ...tol, mode: 'shape' })).toBeNull();
  });
});

describe('compareResults', () => {
  const set: Tolerance = { ...tol, mode: 'set' };
  test('complex pairs compare in any order along the last axis', () => {
    const want = new ComplexValue(f32([3], 1, 1, 5), f32([3], 2, -2, 0));
    expect(compareResults([t(5, 1, 1), t(0, -2, 2)], [want], set)).toBeNull();
    expect(compareResults([t(5, 1, 1), t(0, 2, 2)], [want], set)).not.toBeNull();
    expect(compareResults([t(5, 1, 1)], [want], set)?.message).toContain('expected 2 result(s)');
  });

  test('the number of results must match', () => {
    expect(compareResults([t(1)], [f32([1], 1), f32([1], 1)], tol)?.message).toContain('expected 2 result(s), got 1');
  });

  test('plain values keep their kinds', () => {
    expect(compareValue('out', 2, 2, tol)).toBeNull();
    expect(compareValue('out', true, 1, tol)).not.toBeNull();
    expect(compareValue('out', t(1), 1, tol)).not.toBeNull();
    expect(compareValue('out', Number.NaN, new PyFloat(Number.NaN), tol)).toBeNull();
    expect(compareValue('out', [2, 3], [2, 3], tol)).toBeNull();
    expect(compareValue('out', [2, 3], [2], tol)).not.toBeNull();
    expect(compareValue('out', null, null, tol)).toBeNull();
    expect(compareValue('out', 0, null, tol)).not.toBeNull();
  });

  test('named results flatten in their order, lists of numbers stay one entry', () => {
    const [a, b] = [t(1), t(2)];
    expect(flattenResult({ values: a, indices: b })).toEqual([a, b]);
    expect(flattenResult([a, [b, null]])).toEqual([a, b, null]);
    expect(flattenResult([2, 3])).toEqual([[2, 3]]);
    expect(flattenResult(undefined)).toEqual([null]);
  });

  test('a missing gradient stands for zeros', () => {
    expect(compareGradient('grad', null, f32([2], 0, 0), tol)).toBeNull();
    expect(compareGradient('grad', null, f32([2], 0, 1), tol)?.message).toContain('no gradient');
    expect(compareGradient('grad', t(0, 0), null, tol)).toBeNull();
  });
});
