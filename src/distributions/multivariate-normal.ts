// Normal distributions of vectors: with a full covariance matrix, and with one of low rank plus a diagonal.

import { cholesky } from '../linalg/cholesky.ts';
import { solveTriangular } from '../linalg/triangular.ts';
import { eye, randn } from '../ops/create.ts';
import { matmul } from '../ops/matmul.ts';
import { sum } from '../ops/reduce.ts';
import { flip } from '../ops/shape-more.ts';
import { diagonal, expand, reshape, squeeze, transpose, unsqueeze } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { broadcastShapes, numelOf, type Shape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Constraint, independent, lowerCholesky, positive, positiveDefinite, real, realVector } from './constraints.ts';
import { Distribution, type DistributionOptions, expandTo, type Parameter, type SampleOptions } from './distribution.ts';

const last = { dim: -1 } as const;
const log2Pi = Math.log(2 * Math.PI);
const mT = (t: Tensor): Tensor => transpose(t, -2, -1);
/** ln √det of L Lᵀ for triangular L. */
export const halfLogDet = (L: Tensor): Tensor => sum(diagonal(L, { dim1: -2, dim2: -1 }).log(), last);
/** A x of matrices [..., m, n] and vectors [..., n]. */
const timesVector = (A: Tensor, x: Tensor): Tensor => squeeze(matmul(A, unsqueeze(x, -1)), -1);

/** |L⁻¹ x|² of lower triangular matrices [...batch, n, n] and vectors [..., n], which broadcast. */
export function squaredDistance(L: Tensor, x: Tensor): Tensor {
  const n = L.shape[L.ndim - 1];
  if (numelOf(L.shape) === n * n) {
    // one matrix for all vectors: they are the columns of one right side
    const columns = transpose(reshape(x, [-1, n]), 0, 1);
    const solved = solveTriangular(reshape(L, [n, n]), columns, { upper: false });
    const shape = broadcastShapes('logProb', L.shape.slice(0, -2), x.shape.slice(0, -1));
    return expandTo(reshape(sum(solved.square(), { dim: 0 }), x.shape.slice(0, -1)), shape);
  }
  return sum(solveTriangular(L, unsqueeze(x, -1), { upper: false }).square(), { dim: [-2, -1] });
}

/** L with (L Lᵀ)⁻¹ = P, from the factor of P turned around. */
function factorOfInverse(P: Tensor): Tensor {
  const turned = cholesky(flip(P, [-2, -1]));
  const inverse = mT(flip(turned, [-2, -1]));
  const one = eye(P.shape[P.ndim - 1], { dtype: P.dtype });
  return solveTriangular(inverse, expandTo(one, P.shape), { upper: false });
}

function checkVector(name: string, loc: unknown): asserts loc is Tensor {
  if (!(loc instanceof Tensor) || loc.ndim < 1) throw new ShapeError(`${name}: loc must be a tensor of at least one dimension`);
}

export interface MultivariateNormalOptions extends DistributionOptions {
  /** Covariances [..., d, d]. */
  covarianceMatrix?: Tensor;
  /** Inverse of the covariances [..., d, d]. */
  precisionMatrix?: Tensor;
  /** Lower triangular L with covariances L Lᵀ [..., d, d]: the fastest. */
  scaleTril?: Tensor;
}

const constraints = { loc: realVector, covarianceMatrix: positiveDefinite, precisionMatrix: positiveDefinite, scaleTril: lowerCholesky };

/** The normal distribution of vectors [..., d] with mean `loc`. Exactly one of the three forms of the covariances is given. */
export class MultivariateNormal extends Distribution {
  /** Lower triangular factor of the covariances. */
  readonly scaleTril: Tensor;

  constructor(loc: Tensor, { covarianceMatrix, precisionMatrix, scaleTril, ...options }: MultivariateNormalOptions) {
    checkVector('MultivariateNormal', loc);
    const given = Object.entries({ covarianceMatrix, precisionMatrix, scaleTril }).filter((e): e is [string, Tensor] => e[1] !== undefined);
    if (given.length !== 1) throw new ValueError('MultivariateNormal: give exactly one of covarianceMatrix, precisionMatrix and scaleTril');
    const [[name, matrix]] = given;
    const d = loc.shape[loc.ndim - 1];
    if (matrix.ndim < 2 || matrix.shape[matrix.ndim - 1] !== d || matrix.shape[matrix.ndim - 2] !== d)
      throw new ShapeError(
        `MultivariateNormal: ${name} is ${show(matrix.shape)}; its last dimensions must be [${d}, ${d}], as loc is ${show(loc.shape)}`,
      );
    super({ loc, [name]: matrix }, constraints, options, [d]);
    const m = this.params[name];
    this.scaleTril = name === 'scaleTril' ? m : name === 'covarianceMatrix' ? cholesky(m) : factorOfInverse(m);
  }
  get loc(): Tensor {
    return this.params.loc;
  }
  get covarianceMatrix(): Tensor {
    return this.params.covarianceMatrix ?? matmul(this.scaleTril, mT(this.scaleTril));
  }
  override get support(): Constraint {
    return realVector;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.loc;
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get variance(): Tensor {
    return sum(this.scaleTril.square(), last);
  }
  override rsample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    const z = randn(this.sampleShape(sampleShape), { ...options, dtype: this.dtype });
    return this.loc.add(timesVector(this.scaleTril, z));
  }
  override logProb(value: Parameter): Tensor {
    const x = this.checked('logProb', value).sub(this.loc);
    return squaredDistance(this.scaleTril, x)
      .add(this.eventShape[0] * log2Pi)
      .mul(-0.5)
      .sub(halfLogDet(this.scaleTril));
  }
  override entropy(): Tensor {
    return halfLogDet(this.scaleTril).add(0.5 * this.eventShape[0] * (1 + log2Pi));
  }
  override expand(batchShape: Shape): this {
    const d = this.eventShape[0];
    return Object.assign(super.expand(batchShape), { scaleTril: expand(this.scaleTril, [...batchShape, d, d]) });
  }
}

const lowRankConstraints = { loc: realVector, covFactor: independent(real, 2), covDiag: independent(positive, 1) };

/**
 * The normal distribution of vectors [..., d] with covariances W Wᵀ + diag(D), W = covFactor [..., d, r] and D = covDiag [..., d]: factors r × r matrices only
 * (Woodbury's identity and the determinant lemma).
 */
export class LowRankMultivariateNormal extends Distribution {
  constructor(loc: Tensor, covFactor: Tensor, covDiag: Tensor, options?: DistributionOptions) {
    checkVector('LowRankMultivariateNormal', loc);
    const d = loc.shape[loc.ndim - 1];
    if (covFactor.ndim < 2 || covFactor.shape[covFactor.ndim - 2] !== d)
      throw new ShapeError(
        `LowRankMultivariateNormal: covFactor is ${show(covFactor.shape)}; its last dimensions must be [${d}, rank], as loc is ${show(loc.shape)}`,
      );
    if (covDiag.shape[covDiag.ndim - 1] !== d)
      throw new ShapeError(
        `LowRankMultivariateNormal: covDiag is ${show(covDiag.shape)}; its last dimension must be ${d}, as loc is ${show(loc.shape)}`,
      );
    super({ loc, covFactor, covDiag }, lowRankConstraints, options, [d]);
  }
  get loc(): Tensor {
    return this.params.loc;
  }
  get covFactor(): Tensor {
    return this.params.covFactor;
  }
  get covDiag(): Tensor {
    return this.params.covDiag;
  }
  /** Wᵀ D⁻¹ [..., r, d]. */
  private get scaledFactor(): Tensor {
    return mT(this.covFactor).div(unsqueeze(this.covDiag, -2));
  }
  /** Factor of I + Wᵀ D⁻¹ W [..., r, r]. */
  private get capacitance(): Tensor {
    const r = this.covFactor.shape[this.covFactor.ndim - 1];
    return cholesky(matmul(this.scaledFactor, this.covFactor).add(eye(r, { dtype: this.dtype })));
  }
  get covarianceMatrix(): Tensor {
    return matmul(this.covFactor, mT(this.covFactor)).add(unsqueeze(this.covDiag, -1).mul(eye(this.eventShape[0], { dtype: this.dtype })));
  }
  override get support(): Constraint {
    return realVector;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override get mean(): Tensor {
    return this.loc;
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get variance(): Tensor {
    return sum(this.covFactor.square(), last).add(this.covDiag);
  }
  private get halfLogDet(): Tensor {
    return halfLogDet(this.capacitance).add(sum(this.covDiag.log(), last).mul(0.5));
  }
  override rsample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    const shape = this.sampleShape(sampleShape);
    const r = this.covFactor.shape[this.covFactor.ndim - 1];
    const [w, d] = [[...shape.slice(0, -1), r], shape].map((s) => randn(s, { ...options, dtype: this.dtype }));
    return this.loc.add(timesVector(this.covFactor, w)).add(this.covDiag.sqrt().mul(d));
  }
  override logProb(value: Parameter): Tensor {
    const x = this.checked('logProb', value).sub(this.loc);
    const near = sum(x.square().div(this.covDiag), last);
    const distance = near.sub(squaredDistance(this.capacitance, timesVector(this.scaledFactor, x)));
    return distance
      .add(this.eventShape[0] * log2Pi)
      .mul(-0.5)
      .sub(this.halfLogDet);
  }
  override entropy(): Tensor {
    return this.halfLogDet.add(0.5 * this.eventShape[0] * (1 + log2Pi));
  }
}
