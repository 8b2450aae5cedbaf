// MultiheadAttention with PyTorch's parameters: one packed projection, or three where keys or values have sizes of their own.

import { attentionWithWeights, scaledDotProductAttention } from '../ops/attention.ts';
import { zeros } from '../ops/create.ts';
import { add, logicalNot, logicalOr, where } from '../ops/elementwise.ts';
import { cat } from '../ops/join.ts';
import { linear } from '../ops/matmul.ts';
import { empty } from '../ops/raw.ts';
import { mean } from '../ops/reduce.ts';
import { expand, narrow, reshape, squeeze, transpose, unsqueeze } from '../ops/view.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { type Shape, sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { xavierNormal_, xavierUniform_, zeros_ } from './init.ts';
import { checkCount, Linear } from './linear.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';

export interface MultiheadAttentionOptions {
  /** Probability of dropping an attention weight, in training. */
  dropout?: number;
  bias?: boolean;
  /** One more key and value, learned. */
  addBiasKv?: boolean;
  /** One more key and value of zeros. */
  addZeroAttn?: boolean;
  /** Size of the keys; embedDim by default. */
  kdim?: number;
  /** Size of the values; embedDim by default. */
  vdim?: number;
  /** Inputs are [N, L, …] rather than [L, N, …]. */
  batchFirst?: boolean;
  dtype?: DType;
}

export interface AttendOptions {
  /** [N, S] ([S] without a batch): bool, true where a key is padding and must be ignored; or added to the scores. */
  keyPaddingMask?: Tensor | null;
  /** [L, S] or [N·heads, L, S]: bool, true where a query must not attend; or added to the scores. */
  attnMask?: Tensor | null;
  /** Give the attention weights too; without them the fused instruction does the work. */
  needWeights?: boolean;
  /** Average the weights over the heads. */
  averageAttnWeights?: boolean;
  /** Says that attnMask is the causal one, so that the fused instruction need not read it. */
  isCausal?: boolean;
}

/** Attention over several heads (Vaswani et al., 2017). */
export class MultiheadAttention extends Module<[Tensor, Tensor, Tensor, AttendOptions?], [Tensor, Tensor | null]> {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly addZeroAttn: boolean;
  readonly batchFirst: boolean;
  readonly kdim: number;
  readonly vdim: number;
  /** [3·embedDim, embedDim]: queries, keys, values; null where the sizes differ. */
  readonly in_proj_weight: Parameter | null;
  readonly q_proj_weight: Parameter | null;
  readonly k_proj_weight: Parameter | null;
  readonly v_proj_weight: Parameter | null;
  readonly in_proj_bias: Parameter | null;
  readonly bias_k: Parameter | null;
  readonly bias_v: Parameter | null;
  readonly out_proj: Linear;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const { dropout = 0, bias = true, addBiasKv = false, addZeroAttn = false, batchFirst = false, dtype = 'float32' } = options;
    const { kdim = embedDim, vdim = embedDim } = options;
    checkCount(this.kind, 'embedDim', embedDim);
    checkCount(this.kind, 'numHeads', numHeads);
    checkCount(this.kind, 'kdim', kdim);
    checkCount(this.kind, 'vdim', vdim);
    if (embedDim % numHeads !== 0)
      throw new ValueError(`${this.kind}: embedDim ${embedDim} must be a multiple of numHeads ${numHeads}; each head gets an equal part`);
    if (!(dropout >= 0 && dropout <= 1)) throw new ValueError(`${this.kind}: dropout ${dropout} must be a probability from 0 to 1`);
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.dropout = dropout;
    this.addZeroAttn = addZeroAttn;
    this.batchFirst = batchFirst;
    this.kdim = kdim;
    this.vdim = vdim;
    const parameter = (...shape: number[]): Parameter => new Parameter(empty(shape, dtype));
    const packed = kdim === embedDim && vdim === embedDim;
    this.in_proj_weight = packed ? parameter(3 * embedDim, embedDim) : null;
    this.q_proj_weight = packed ? null : parameter(embedDim, embedDim);
    this.k_proj_weight = packed ? null : parameter(embedDim, kdim);
    this.v_proj_weight = packed ? null : parameter(embedDim, vdim);
    this.in_proj_bias = bias ? parameter(3 * embedDim) : null;
    this.bias_k = addBiasKv ? parameter(1, 1, embedDim) : null;
    this.bias_v = addBiasKv ? parameter(1, 1, embedDim) : null;
    this.out_proj = new Linear(embedDim, embedDim, { bias, dtype });
    this.resetParameters();
  }

  /** Glorot's uniform distribution for the projections, zeros for their biases, as in PyTorch. */
  resetParameters(): void {
    for (const w of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight]) if (w !== null) xavierUniform_(w);
    for (const b of [this.in_proj_bias, this.out_proj.bias]) if (b !== null) zeros_(b);
    for (const b of [this.bias_k, this.bias_v]) if (b !== null) xavierNormal_(b);
  }

  /** Projects x [N, L, size] by part 0 (queries), 1 (keys) or 2 (values). */
  #project(x: Tensor, part: 0 | 1 | 2): Tensor {
    const E = this.embedDim;
    const own = [this.q_proj_weight, this.k_proj_weight, this.v_proj_weight][part];
    const weight = own ?? narrow(this.in_proj_weight as Parameter, 0, part * E, E);
    return linear(x, weight, this.in_proj_bias === null ? null : narrow(this.in_proj_bias, 0, part * E, E));
  }

  /** [N, L, embedDim] to [N, heads, L, embedDim / heads]. */
  #split(x: Tensor): Tensor {
    const [n, length] = x.shape;
    return transpose(reshape(x, [n, length, this.numHeads, this.embedDim / this.numHeads]), 1, 2);
  }

  #check(query: Tensor, key: Tensor, value: Tensor): void {
    const shapes = `query ${show(query.shape)}, key ${show(key.shape)}, value ${show(value.shape)}`;
    const layout = query.ndim === 2 ? '[length, size]' : this.batchFirst ? '[batch, length, size]' : '[length, batch, size]';
    if ((query.ndim !== 2 && query.ndim !== 3) || key.ndim !== query.ndim || value.ndim !== query.ndim)
      throw new ShapeError(`${this.kind}: ${shapes}; all three must be ${layout}, or [length, size] without a batch`);
    [query, key, value].forEach((t, i) => {
      const size = [this.embedDim, this.kdim, this.vdim][i];
      if (t.shape[t.ndim - 1] !== size)
        throw new ShapeError(`${this.kind}: ${shapes}; the last dimension of ${['query', 'key', 'value'][i]} must be ${size}`);
    });
    if (!sameShape(key.shape.slice(0, -1), value.shape.slice(0, -1)))
      throw new ShapeError(`${this.kind}: ${shapes}; key and value must have the same length${query.ndim === 3 ? ' and batch' : ''}`);
    const batch = query.ndim === 2 ? -1 : this.batchFirst ? 0 : 1;
    if (batch >= 0 && query.shape[batch] !== key.shape[batch])
      throw new ShapeError(`${this.kind}: ${shapes}; the batch (dimension ${batch} of ${layout}) must be the same`);
  }

  /** Both masks as one that broadcasts to [N, heads, L, S]: bool (true: attend), or added to the scores. */
  #mask(attnMask: Tensor | null, padding: Tensor | null, [n, length, keys]: Shape, dtype: DType): Tensor | null {
    const checkKind = (name: string, t: Tensor): void => {
      if (t.dtype !== 'bool' && t.dtype !== 'float32' && t.dtype !== 'float64')
        throw new DTypeError(`${this.kind}: ${name} is ${t.dtype}; it must be bool (true: hidden) or floating point (added to the scores)`);
    };
    const masks: Tensor[] = [];
    if (attnMask !== null) {
      checkKind('attnMask', attnMask);
      const perHead = [n * this.numHeads, length, keys];
      if (sameShape(attnMask.shape, perHead)) masks.push(reshape(attnMask, [n, this.numHeads, length, keys]));
      else if (sameShape(attnMask.shape, [length, keys])) masks.push(attnMask);
      else
        throw new ShapeError(
          `${this.kind}: attnMask is ${show(attnMask.shape)}; expected ${show([length, keys])} (queries, keys) or ${show(perHead)} (batch × heads, queries, keys)`,
        );
    }
    if (padding !== null) {
      checkKind('keyPaddingMask', padding);
      if (!sameShape(padding.shape, [n, keys]))
        throw new ShapeError(`${this.kind}: keyPaddingMask is ${show(padding.shape)}; expected ${show([n, keys])} (batch, keys)`);
      masks.push(reshape(padding, [n, 1, 1, keys]));
    }
    if (masks.length === 0) return null;
    if (masks.every((m) => m.dtype === 'bool')) return logicalNot(masks.length === 1 ? masks[0] : logicalOr(masks[0], masks[1]));
    const added = masks.map((m) => (m.dtype !== 'bool' ? m.to(dtype) : where(m, Number.NEGATIVE_INFINITY, zeros([], { dtype }))));
    return added.length === 1 ? added[0] : add(added[0], added[1]);
  }

  /**
   * query [L, N, embedDim], key [S, N, kdim], value [S, N, vdim] (batch first or without a batch as the layer and the inputs say) to the
   * output [L, N, embedDim] and, with needWeights, the weights [N, L, S], or [N, heads, L, S] when they are not averaged.
   */
  forward(query: Tensor, key: Tensor, value: Tensor, options: AttendOptions = {}): [Tensor, Tensor | null] {
    const { needWeights = true, averageAttnWeights = true, isCausal = false, attnMask = null } = options;
    let padding = options.keyPaddingMask ?? null;
    this.#check(query, key, value);
    if (isCausal && attnMask === null) throw new ValueError(`${this.kind}: isCausal says that attnMask is causal; give attnMask as well`);
    const batched = query.ndim === 3;
    const front = (x: Tensor): Tensor => (!batched ? unsqueeze(x, 0) : this.batchFirst ? x : transpose(x, 0, 1));
    if (!batched && padding !== null) padding = unsqueeze(padding, 0);
    const q = this.#project(front(query), 0);
    let [k, v] = [this.#project(front(key), 1), this.#project(front(value), 2)];
    const [n, length] = q.shape;
    const keys = k.shape[1];
    let mask = this.#mask(attnMask, padding, [n, length, keys], q.dtype);
    const useCausal = isCausal && padding === null && !needWeights && this.bias_k === null && !this.addZeroAttn;
    // learned and zero keys come last, and nothing hides them
    const append = (ofKey: Tensor, ofValue: Tensor): void => {
      const row = [n, 1, this.embedDim];
      k = cat([k, expand(ofKey, row)], 1);
      v = cat([v, expand(ofValue, row)], 1);
      if (mask === null) return;
      const [shape, dtype] = [[...mask.shape.slice(0, -1), 1], mask.dtype];
      const shown = dtype === 'bool' ? logicalNot(zeros(shape, { dtype })) : zeros(shape, { dtype });
      mask = cat([mask, shown], -1);
    };
    if (this.bias_k !== null && this.bias_v !== null) append(this.bias_k, this.bias_v);
    if (this.addZeroAttn) {
      const none = zeros([1, 1, this.embedDim], { dtype: k.dtype });
      append(none, none);
    }
    const heads = [q, k, v].map((x) => this.#split(x)) as [Tensor, Tensor, Tensor];
    const how = { attnMask: useCausal ? null : mask, isCausal: useCausal, dropoutP: this.training ? this.dropout : 0 };
    let joined: Tensor;
    let weights: Tensor | null = null;
    if (needWeights) {
      const r = attentionWithWeights(...heads, how);
      joined = r.output;
      weights = averageAttnWeights ? mean(r.weights, { dim: 1 }) : r.weights;
      if (!batched) weights = squeeze(weights, 0);
    } else joined = scaledDotProductAttention(...heads, how);
    const y = this.out_proj(reshape(transpose(joined, 1, 2), [n, length, this.embedDim]));
    return [!batched ? squeeze(y, 0) : this.batchFirst ? y : transpose(y, 0, 1), weights];
  }

  protected override extraRepr(): string {
    return `embedDim=${this.embedDim}, numHeads=${this.numHeads}`;
  }
}
