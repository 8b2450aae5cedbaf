// Initialisers with structure: truncated, identity, orthogonal and sparse matrices. Apart from init.ts, so that layers do not bring in linear algebra.

import { qr } from '../linalg/qr.ts';
import { eye, full, rand, randn, randperm } from '../ops/create.ts';
import { add, clamp, erf, erfinv, mul, sign, sub } from '../ops/elementwise.ts';
import { indexFill } from '../ops/gather.ts';
import { copyInto, fill } from '../ops/raw.ts';
import { diagonal, narrow, reshape, select, transpose, unsqueeze } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { change, normal_, type RandomInit } from './init.ts';
import { isLazy } from './parameter.ts';

/** Normal values that lie between `a` and `b`: uniform ones through the inverse of the distribution function. */
export function truncNormal_(t: Tensor, mean = 0, std = 1, a = -2, b = 2, { generator }: RandomInit = {}): Tensor {
  if (!(std > 0) || !(a < b)) throw new ValueError(`truncNormal_: std ${std} must be greater than 0, and a ${a} less than b ${b}`);
  return change(t, () => {
    // 2 Φ(z) - 1 = erf(z / √2)
    const [low, high] = [a, b].map((v) => erf(full([], (v - mean) / (std * Math.SQRT2), { dtype: 'float64' })));
    const u = add(mul(rand(t.shape, { dtype: 'float64', generator }), sub(high, low)), low);
    const x = add(mul(erfinv(u), std * Math.SQRT2), mean);
    copyInto(t, clamp(x, { min: a, max: b }));
  });
}
/** The identity matrix (ones on the diagonal). ShapeError unless the tensor has 2 dimensions. */
export function eye_(t: Tensor): Tensor {
  if (!isLazy(t) && t.ndim !== 2) throw new ShapeError(`eye_: the tensor is ${show(t.shape)}; expected 2 dimensions`);
  return change(t, () => copyInto(t, eye(t.shape[0], t.shape[1], { dtype: t.dtype })));
}

/** A convolution's weight that passes channel i to channel i of each group: [out, in, K], [out, in, KH, KW] or [out, in, KD, KH, KW]. */
export function dirac_(t: Tensor, { groups = 1 }: { groups?: number } = {}): Tensor {
  if (isLazy(t)) return t;
  if (t.ndim < 3 || t.ndim > 5) throw new ShapeError(`dirac_: the tensor is ${show(t.shape)}; expected a weight of 3, 4 or 5 dimensions`);
  if (!Number.isInteger(groups) || groups < 1 || t.shape[0] % groups !== 0)
    throw new ValueError(`dirac_: groups ${groups} must divide the ${t.shape[0]} output channels`);
  const perGroup = t.shape[0] / groups;
  return change(t, () => {
    fill(t, 0);
    for (let g = 0; g < groups; g++)
      for (let i = 0; i < Math.min(perGroup, t.shape[1]); i++) {
        let place = select(select(t, 0, g * perGroup + i), 0, i);
        while (place.ndim > 0) place = select(place, 0, Math.floor(place.shape[0] / 2));
        fill(place, 1);
      }
  });
}

/** A random matrix with orthonormal rows or columns, times gain (Saxe et al., 2014); further dimensions count as columns. */
export function orthogonal_(t: Tensor, { gain = 1, generator }: RandomInit & { gain?: number } = {}): Tensor {
  if (isLazy(t)) return t;
  if (t.ndim < 2) throw new ShapeError(`orthogonal_: the tensor is ${show(t.shape)}; expected at least 2 dimensions`);
  if (t.numel === 0) return t;
  const rows = t.shape[0];
  const columns = t.numel / rows;
  return change(t, () => {
    const [m, n] = [Math.max(rows, columns), Math.min(rows, columns)];
    const { Q, R } = qr(randn([m, n], { dtype: 'float64', generator }));
    // the signs of R's diagonal make Q uniform over all orthonormal frames (Mezzadri, 2007)
    const frame = mul(Q, unsqueeze(sign(diagonal(R)), 0));
    copyInto(t, mul(reshape(rows < columns ? transpose(frame, 0, 1) : frame, t.shape), gain));
  });
}

/** Normal values of deviation `std` where a share `sparsity` of every column is zero, at random places (Martens, 2010). */
export function sparse_(t: Tensor, sparsity: number, { std = 0.01, generator }: RandomInit & { std?: number } = {}): Tensor {
  if (isLazy(t)) return t;
  if (t.ndim !== 2) throw new ShapeError(`sparse_: the tensor is ${show(t.shape)}; expected 2 dimensions`);
  if (!(sparsity >= 0 && sparsity <= 1)) throw new ValueError(`sparse_: sparsity ${sparsity} must lie between 0 and 1`);
  const [rows, columns] = t.shape;
  const zeros = Math.ceil(sparsity * rows);
  normal_(t, 0, std, { generator });
  return change(t, () => {
    for (let c = 0; c < columns; c++) {
      const at = narrow(randperm(rows, { generator }), 0, 0, zeros);
      const column = select(t, 1, c);
      copyInto(column, indexFill(column, 0, at, 0));
    }
  });
}
