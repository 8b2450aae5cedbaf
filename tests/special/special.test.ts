// Special functions: identities and series that pin their values to double precision, derivatives against differences, edges, and the table of scalar primitives.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { primitiveCodes } from '../../src/ops/scalar.ts';
import { binaryRows, unaryRows } from '../../src/special/rows.ts';
import { checkGradients } from '../ops/gradients.ts';

const { special } = ft;
const f64 = (v: ft.TensorData): ft.Tensor => ft.tensor(v, { dtype: 'float64' });
const near = (got: ft.Tensor, want: ft.Tensor | number, tolerance = 1e-13): void => {
  const difference = got.sub(want).abs().div(ft.clampMin(got.abs(), 1));
  expect(difference.amax().itemSync()).toBeLessThanOrEqual(tolerance);
};
const positive = f64([0.01, 0.3, 1, 1.9, 2.1, 4.9, 5.2, 7.9, 8.1, 20, 300]);

test('the scalar primitives have the same names and codes in TypeScript and in the kernels', () => {
  const header = readFileSync(new URL('../../kernels/scalar_ops.h', import.meta.url), 'utf8');
  const codes = Object.fromEntries([...header.matchAll(/X\((\w+), (\d+)\)/g)].map(([, name, code]) => [name, Number(code)]));
  expect(codes).toEqual({ ...primitiveCodes });
  expect(header).toContain(`SCALAR_OP_LIMIT = ${Math.max(...Object.values(primitiveCodes)) + 1}`);
});

test('every row is a function of ft.special', () => {
  for (const name of [...Object.keys(unaryRows), ...Object.keys(binaryRows)])
    expect(typeof (special as Record<string, unknown>)[name]).toBe('function');
});

describe('Bessel functions', () => {
  /** J_n(k/8) by its power series, in whole numbers of 10^-40, so that nothing cancels. */
  const series = (n: 0 | 1, k: number): number => {
    const scale = 10n ** 40n;
    const square = BigInt(k) * BigInt(k); // x²/4 = k²/256
    let term = n === 0 ? scale : (scale * BigInt(k)) / 16n;
    let sum = term;
    for (let i = 1n; i < 80n; i++) {
      term = (-term * square) / (256n * i * (i + BigInt(n)));
      sum += term;
    }
    return Number(sum) / 1e40;
  };

  const k = Array.from({ length: 321 }, (_, i) => i - 160);

  test('J of order 0 and 1 equal their power series to double precision up to 5', () => {
    const inner = k.filter((v) => Math.abs(v) <= 40);
    const x = f64(inner.map((v) => v / 8));
    near(special.besselJ0(x), f64(inner.map((v) => series(0, v))), 3e-15);
    near(special.besselJ1(x), f64(inner.map((v) => series(1, v))), 3e-15);
  });

  test('beyond 5 they are as far from their series as PyTorch’s values are: 4.5e-7 at 5, less than 1e-10 from 12 on', () => {
    const outer = k.filter((v) => Math.abs(v) > 40);
    const far = k.filter((v) => Math.abs(v) >= 96);
    for (const [list, bound] of [
      [outer, 4.6e-7],
      [far, 1e-10],
    ] as const) {
      const x = f64(list.map((v) => v / 8));
      near(special.besselJ0(x), f64(list.map((v) => series(0, v))), bound);
      near(special.besselJ1(x), f64(list.map((v) => series(1, v))), bound);
    }
    // what PyTorch 2.13 gives
    near(special.besselJ0(f64([5.01])), f64([-0.174315804953358]), 1e-9);
    near(special.besselJ1(f64([6])), f64([-0.27668378727623]), 1e-9);
    near(special.besselY0(f64([5.5])), f64([-0.339480593243318]), 1e-9);
  });

  test('J and Y, I and K satisfy their Wronskians (Abramowitz and Stegun 9.1.16, 9.6.15)', () => {
    const x = positive;
    const low = x.at('0:6');
    near(
      special
        .besselJ1(low)
        .mul(special.besselY0(low))
        .sub(special.besselJ0(low).mul(special.besselY1(low)))
        .mul(low),
      2 / Math.PI,
    );
    near(
      special
        .i0e(x)
        .mul(special.scaledModifiedBesselK1(x))
        .add(special.i1e(x).mul(special.scaledModifiedBesselK0(x)))
        .mul(x),
      1,
    );
    near(special.modifiedBesselK0(x).mul(x.exp()), special.scaledModifiedBesselK0(x));
    near(special.modifiedBesselK1(x).mul(x.exp()).mul(x), special.scaledModifiedBesselK1(x).mul(x));
    near(special.i1e(x.neg()), special.i1e(x).neg());
  });

  test('edges: infinite at 0, NaN below for Y and K, scaled ones stay finite', () => {
    expect(special.besselY0(f64([0, -1])).toArraySync()).toEqual([Number.NEGATIVE_INFINITY, Number.NaN]);
    expect(special.modifiedBesselK1(f64([0, -1])).toArraySync()).toEqual([Number.POSITIVE_INFINITY, Number.NaN]);
    near(special.scaledModifiedBesselK0(f64([1e8])), Math.sqrt(Math.PI / 2e8), 1e-12);
    expect(special.modifiedBesselI1(f64([Number.POSITIVE_INFINITY])).itemSync()).toBe(Number.POSITIVE_INFINITY);
    expect(special.sphericalBesselJ0(f64([0])).itemSync()).toBe(1);
  });
});

describe('polynomials', () => {
  const x = f64([-1.3, -1, -0.4, 0, 0.7, 1, 2.5]);

  test('low degrees are the textbook forms', () => {
    near(special.chebyshevPolynomialT(x, 3), x.pow(3).mul(4).sub(x.mul(3)));
    near(special.chebyshevPolynomialU(x, 2), x.square().mul(4).sub(1));
    near(special.chebyshevPolynomialV(x, 1), x.mul(2).sub(1));
    near(special.chebyshevPolynomialW(x, 1), x.mul(2).add(1));
    near(special.hermitePolynomialH(x, 3), x.pow(3).mul(8).sub(x.mul(12)));
    near(special.hermitePolynomialHe(x, 3), x.pow(3).sub(x.mul(3)));
    near(special.laguerrePolynomialL(x, 2), x.square().mul(0.5).sub(x.mul(2)).add(1));
    near(special.legendrePolynomialP(x, 3), x.pow(3).mul(2.5).sub(x.mul(1.5)));
    near(special.shiftedChebyshevPolynomialT(x, 2), special.chebyshevPolynomialT(x.mul(2).sub(1), 2));
  });

  test('degrees may be tensors that broadcast; fractions are cut off, negative degrees give 0', () => {
    const n = f64([0, 1, 2.9, -1]);
    const y = special.chebyshevPolynomialT(f64([[0.5], [2]]), n);
    expect(y.toArraySync()).toEqual([
      [1, 0.5, -0.5, 0],
      [1, 2, 7, 0],
    ]);
    expect(special.legendrePolynomialP(ft.tensor([1, 1]), 5).dtype).toBe('float32');
  });

  test('high degrees stay on the curve: T_n(cos t) = cos(n t), P_n(1) = 1', () => {
    const t = f64([0.1, 0.9, 2]);
    near(special.chebyshevPolynomialT(t.cos(), 200), t.mul(200).cos(), 1e-11);
    near(special.legendrePolynomialP(f64([1]), 1000), 1, 1e-12);
  });

  test('first and second derivatives agree with differences, at the ends of the interval too', () => {
    for (const name of Object.keys(binaryRows) as (keyof typeof binaryRows)[]) {
      if (!name.includes('Polynomial')) continue;
      for (const n of [0, 1, 4]) {
        checkGradients((v) => special[name](v, n), [x], { tolerance: 1e-6 });
        checkGradients(
          (v) => {
            const leaf = v.requiresGrad ? v : ft.clone(v).requiresGrad_();
            return ft.grad(special[name](leaf, n).sum(), leaf, { createGraph: true })[0] as ft.Tensor;
          },
          [x],
          { tolerance: 1e-6 },
        );
      }
    }
  });

  test('a degree passes no gradient, and says so', () => {
    const n = f64([2]).requiresGrad_();
    expect(() =>
      special
        .chebyshevPolynomialT(f64([0.3]), n)
        .sum()
        .backward(),
    ).toThrow(/argument 1 is not known/);
  });
});

describe('other functions', () => {
  test('known values', () => {
    near(special.zeta(f64([2, 4]), f64([1, 1])), f64([Math.PI ** 2 / 6, Math.PI ** 4 / 90]));
    near(special.ndtri(special.ndtr(f64([-3, -0.5, 0, 2]))), f64([-3, -0.5, 0, 2]));
    near(special.logNdtr(f64([-1, 0, 3])), special.ndtr(f64([-1, 0, 3])).log());
    // -x²/2 - ln(-x √(2π)) - 1/x² + 5/(2x⁴) … far to the left
    near(special.logNdtr(f64([-1e4])), -5e7 - Math.log(1e4 * Math.sqrt(2 * Math.PI)) - 1e-8, 1e-15);
    near(
      special.erfcx(f64([0, 0.5, 3])),
      f64([0, 0.25, 9])
        .exp()
        .mul(ft.erfc(f64([0, 0.5, 3]))),
    );
    expect(special.entr(f64([0, 1, -1])).toArraySync()).toEqual([0, -0, Number.NEGATIVE_INFINITY]);
    expect(special.xlog1py(f64([0, 0, 0, 2]), f64([-1, -5, Number.NaN, Math.E - 1])).toArraySync()).toEqual([0, 0, Number.NaN, 2]);
    near(
      special.multigammaln(f64([3]), 2),
      special
        .gammaln(f64([3]))
        .add(special.gammaln(f64([2.5])))
        .add(Math.log(Math.PI) / 2),
    );
  });

  test('derivatives of every function of one argument agree with differences', () => {
    for (const name of Object.keys(unaryRows) as (keyof typeof unaryRows)[])
      checkGradients((v) => special[name](v), [name === 'ndtri' ? f64([0.1, 0.5, 0.8]) : f64([0.3, 1.1, 2.6, 6])], { tolerance: 1e-6 });
    checkGradients((v, w) => special.xlog1py(v, w), [f64([0, 1, -2]), f64([0.5, 2, -0.3])]);
    checkGradients((w) => special.zeta(3, w), [f64([0.7, 2, 5])], { tolerance: 1e-6 });
  });

  test('the slope of the entropy is infinite at 0', () => {
    const p = f64([0, 1]).requiresGrad_();
    special.entr(p).sum().backward();
    expect(p.grad?.toArraySync()).toEqual([Number.POSITIVE_INFINITY, -1]);
  });
});
