// Distances and similarities as layers.

import { cosineSimilarity, pairwiseDistance } from '../ops/distance.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { describe } from './layout.ts';
import { Module } from './module.ts';

type Two = [x1: Tensor, x2: Tensor];

/** x1 · x2 / (|x1| |x2|) along a dimension. */
export class CosineSimilarity extends Module<Two> {
  readonly dim: number;
  readonly eps: number;
  constructor({ dim = 1, eps = 1e-8 }: { dim?: number; eps?: number } = {}) {
    super();
    this.dim = dim;
    this.eps = eps;
  }
  forward(x1: Tensor, x2: Tensor): Tensor {
    return cosineSimilarity(x1, x2, { dim: this.dim, eps: this.eps });
  }
  protected override extraRepr(): string {
    return describe({ dim: this.dim, eps: this.eps });
  }
}

/** The p-norm of x1 - x2 over the last dimension. */
export class PairwiseDistance extends Module<Two> {
  readonly p: number;
  readonly eps: number;
  readonly keepdim: boolean;
  constructor({ p = 2, eps = 1e-6, keepdim = false }: { p?: number; eps?: number; keepdim?: boolean } = {}) {
    super();
    this.p = p;
    this.eps = eps;
    this.keepdim = keepdim;
  }
  forward(x1: Tensor, x2: Tensor): Tensor {
    return pairwiseDistance(x1, x2, { p: this.p, eps: this.eps, keepdim: this.keepdim });
  }
  protected override extraRepr(): string {
    return describe({ p: this.p, eps: this.eps, keepdim: this.keepdim });
  }
}
