// The Transformer (Vaswani et al., 2017): encoder and decoder layers, their stacks, and the whole model, with PyTorch's parameter names.

import { gelu, relu } from '../ops/activations.ts';
import { full } from '../ops/create.ts';
import { triu } from '../ops/create-more.ts';
import { add } from '../ops/elementwise.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { MultiheadAttention } from './attention.ts';
import { ModuleList } from './containers.ts';
import { dropout } from './dropout.ts';
import { xavierUniform_ } from './init.ts';
import { checkCount, Linear } from './linear.ts';
import { type AnyModule, Module } from './module.ts';
import { LayerNorm } from './norm.ts';

type Activation = 'relu' | 'gelu' | ((x: Tensor) => Tensor);

export interface TransformerLayerOptions {
  /** Width of the feed-forward network between its two linear layers. */
  dimFeedforward?: number;
  /** Probability of dropout behind each part and in the attention weights, in training. */
  dropout?: number;
  activation?: Activation;
  layerNormEps?: number;
  /** Inputs are [N, L, dModel] rather than [L, N, dModel]. */
  batchFirst?: boolean;
  /** Normalise the input of each part rather than its sum with the output. */
  normFirst?: boolean;
  bias?: boolean;
  dtype?: DType;
}

/** Masks of one sequence: bool masks hide where they are true, others are added to the scores. */
export interface EncoderOptions {
  /** [L, L] or [N·heads, L, L]. */
  srcMask?: Tensor | null;
  /** [N, L]. */
  srcKeyPaddingMask?: Tensor | null;
  /** Says that srcMask is the causal one. */
  isCausal?: boolean;
}

export interface DecoderOptions {
  /** [T, T] or [N·heads, T, T]. */
  tgtMask?: Tensor | null;
  /** [T, L] or [N·heads, T, L]. */
  memoryMask?: Tensor | null;
  /** [N, T]. */
  tgtKeyPaddingMask?: Tensor | null;
  /** [N, L]. */
  memoryKeyPaddingMask?: Tensor | null;
  /** Says that tgtMask, or memoryMask, is the causal one. */
  tgtIsCausal?: boolean;
  memoryIsCausal?: boolean;
}

/** What encoder and decoder layers share: the feed-forward network and the order of sums and norms. */
abstract class TransformerLayer<In extends unknown[]> extends Module<In> {
  readonly normFirst: boolean;
  readonly dropout: number;
  abstract readonly linear1: Linear;
  abstract readonly linear2: Linear;
  readonly #dModel: number;
  readonly #nhead: number;
  readonly #options: TransformerLayerOptions;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions) {
    super();
    this.#dModel = dModel;
    this.#nhead = nhead;
    this.#options = options;
    const { dropout = 0.1, activation = 'relu', normFirst = false, dimFeedforward = 2048 } = options;
    checkCount(this.kind, 'nhead', nhead);
    checkCount(this.kind, 'dimFeedforward', dimFeedforward);
    if (!(dropout >= 0 && dropout <= 1)) throw new ValueError(`${this.kind}: dropout ${dropout} must be a probability from 0 to 1`);
    if (activation !== 'relu' && activation !== 'gelu' && typeof activation !== 'function')
      throw new ValueError(`${this.kind}: activation '${String(activation)}' must be 'relu', 'gelu' or a function of a tensor`);
    this.normFirst = normFirst;
    this.dropout = dropout;
  }

  /** A layer of its own with the same sizes and the same weights. */
  copy(): this {
    const Kind = this.constructor as new (dModel: number, nhead: number, options: TransformerLayerOptions) => this;
    const other = new Kind(this.#dModel, this.#nhead, this.#options);
    other.loadStateDict(this.stateDict());
    other.train(this.training);
    return other;
  }

  protected feedForward(x: Tensor): Tensor {
    const { activation = 'relu' } = this.#options;
    const h = this.linear1(x);
    const active = typeof activation === 'function' ? activation(h) : activation === 'gelu' ? gelu(h) : relu(h);
    return this.drop(this.linear2(this.drop(active)));
  }

  protected drop(x: Tensor): Tensor {
    return dropout(x, { p: this.dropout, training: this.training });
  }

  /** x + part(norm(x)), or norm(x + part(x)). */
  protected residual(x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
    return this.normFirst ? add(x, part(norm(x))) : norm(add(x, part(x)));
  }

  protected attend(attention: MultiheadAttention, x: Tensor, memory: Tensor, masks: AttentionMasks): Tensor {
    const { mask: attnMask = null, padding: keyPaddingMask = null, causal: isCausal = false } = masks;
    return this.drop(attention(x, memory, memory, { attnMask, keyPaddingMask, isCausal, needWeights: false })[0]);
  }
}

interface AttentionMasks {
  mask?: Tensor | null;
  padding?: Tensor | null;
  causal?: boolean;
}

const attentionOptions = ({ dropout = 0.1, bias = true, batchFirst = false, dtype }: TransformerLayerOptions) => ({
  dropout,
  bias,
  batchFirst,
  dtype,
});
const normOptions = ({ layerNormEps: eps = 1e-5, bias = true, dtype }: TransformerLayerOptions) => ({ eps, bias, dtype });

/** Self-attention and a feed-forward network, each with dropout, a sum with its input and layer normalisation. [L, N, dModel] to the same. */
export class TransformerEncoderLayer extends TransformerLayer<[Tensor, EncoderOptions?]> {
  readonly self_attn: MultiheadAttention;
  readonly linear1: Linear;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options);
    const { dimFeedforward = 2048, bias = true, dtype } = options;
    this.self_attn = new MultiheadAttention(dModel, nhead, attentionOptions(options));
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, dtype });
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, dtype });
    this.norm1 = new LayerNorm(dModel, normOptions(options));
    this.norm2 = new LayerNorm(dModel, normOptions(options));
  }

  forward(src: Tensor, { srcMask, srcKeyPaddingMask, isCausal }: EncoderOptions = {}): Tensor {
    const masks = { mask: srcMask, padding: srcKeyPaddingMask, causal: isCausal };
    const x = this.residual(src, this.norm1, (v) => this.attend(this.self_attn, v, v, masks));
    return this.residual(x, this.norm2, (v) => this.feedForward(v));
  }
}

/** Self-attention, attention to the encoder's result and a feed-forward network. tgt [T, N, dModel], memory [L, N, dModel] to [T, N, dModel]. */
export class TransformerDecoderLayer extends TransformerLayer<[Tensor, Tensor, DecoderOptions?]> {
  readonly self_attn: MultiheadAttention;
  readonly multihead_attn: MultiheadAttention;
  readonly linear1: Linear;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options);
    const { dimFeedforward = 2048, bias = true, dtype } = options;
    this.self_attn = new MultiheadAttention(dModel, nhead, attentionOptions(options));
    this.multihead_attn = new MultiheadAttention(dModel, nhead, attentionOptions(options));
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, dtype });
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, dtype });
    this.norm1 = new LayerNorm(dModel, normOptions(options));
    this.norm2 = new LayerNorm(dModel, normOptions(options));
    this.norm3 = new LayerNorm(dModel, normOptions(options));
  }

  forward(tgt: Tensor, memory: Tensor, options: DecoderOptions = {}): Tensor {
    const own = { mask: options.tgtMask, padding: options.tgtKeyPaddingMask, causal: options.tgtIsCausal };
    const cross = { mask: options.memoryMask, padding: options.memoryKeyPaddingMask, causal: options.memoryIsCausal };
    let x = this.residual(tgt, this.norm1, (v) => this.attend(this.self_attn, v, v, own));
    x = this.residual(x, this.norm2, (v) => this.attend(this.multihead_attn, v, memory, cross));
    return this.residual(x, this.norm3, (v) => this.feedForward(v));
  }
}

const copies = <L extends { copy(): L }>(layer: L, count: number): L[] => Array.from({ length: count }, () => layer.copy());

export interface StackOptions {
  /** A last normalisation. */
  norm?: AnyModule | null;
}

/** `numLayers` copies of an encoder layer, all beginning with the same weights. */
export class TransformerEncoder extends Module<[Tensor, (Omit<EncoderOptions, 'srcMask'> & { mask?: Tensor | null })?]> {
  readonly layers: ModuleList<TransformerEncoderLayer>;
  readonly numLayers: number;
  readonly norm: AnyModule | null;

  constructor(encoderLayer: TransformerEncoderLayer, numLayers: number, { norm = null }: StackOptions = {}) {
    super();
    checkCount(this.kind, 'numLayers', numLayers);
    this.layers = new ModuleList(copies(encoderLayer, numLayers));
    this.numLayers = numLayers;
    this.norm = norm;
  }

  forward(src: Tensor, { mask = null, ...options }: Omit<EncoderOptions, 'srcMask'> & { mask?: Tensor | null } = {}): Tensor {
    let x = src;
    for (const layer of this.layers) x = layer(x, { srcMask: mask, ...options });
    return this.norm === null ? x : this.norm(x);
  }
}

/** `numLayers` copies of a decoder layer, all beginning with the same weights. */
export class TransformerDecoder extends Module<[Tensor, Tensor, DecoderOptions?]> {
  readonly layers: ModuleList<TransformerDecoderLayer>;
  readonly numLayers: number;
  readonly norm: AnyModule | null;

  constructor(decoderLayer: TransformerDecoderLayer, numLayers: number, { norm = null }: StackOptions = {}) {
    super();
    checkCount(this.kind, 'numLayers', numLayers);
    this.layers = new ModuleList(copies(decoderLayer, numLayers));
    this.numLayers = numLayers;
    this.norm = norm;
  }

  forward(tgt: Tensor, memory: Tensor, options: DecoderOptions = {}): Tensor {
    let x = tgt;
    for (const layer of this.layers) x = layer(x, memory, options);
    return this.norm === null ? x : this.norm(x);
  }
}

export interface TransformerOptions extends TransformerLayerOptions {
  dModel?: number;
  nhead?: number;
  numEncoderLayers?: number;
  numDecoderLayers?: number;
}

export interface TransformerCallOptions extends Omit<EncoderOptions, 'isCausal'>, DecoderOptions {
  srcIsCausal?: boolean;
}

/** Encoder and decoder with last normalisations; all matrices begin with Glorot's uniform distribution. */
export class Transformer extends Module<[Tensor, Tensor, TransformerCallOptions?]> {
  readonly encoder: TransformerEncoder;
  readonly decoder: TransformerDecoder;
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;

  constructor({ dModel = 512, nhead = 8, numEncoderLayers = 6, numDecoderLayers = 6, ...layer }: TransformerOptions = {}) {
    super();
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = layer.batchFirst ?? false;
    const norm = (): LayerNorm => new LayerNorm(dModel, normOptions(layer));
    this.encoder = new TransformerEncoder(new TransformerEncoderLayer(dModel, nhead, layer), numEncoderLayers, { norm: norm() });
    this.decoder = new TransformerDecoder(new TransformerDecoderLayer(dModel, nhead, layer), numDecoderLayers, { norm: norm() });
    this.resetParameters();
  }

  /** Glorot's uniform distribution for all matrices. */
  resetParameters(): void {
    for (const p of this.parameters()) if (p.ndim > 1) xavierUniform_(p);
  }

  /** [length, length]: -inf above the diagonal, else 0. Added to the scores it hides what comes later. */
  static generateSquareSubsequentMask(length: number, { dtype = 'float32' }: { dtype?: DType } = {}): Tensor {
    return triu(full([length, length], Number.NEGATIVE_INFINITY, { dtype }), { diagonal: 1 });
  }

  /** src [L, N, dModel], tgt [T, N, dModel] to [T, N, dModel]; batch first where the options said so. */
  forward(src: Tensor, tgt: Tensor, options: TransformerCallOptions = {}): Tensor {
    for (const [name, t] of Object.entries({ src, tgt }))
      if (t.shape[t.ndim - 1] !== this.dModel)
        throw new ShapeError(`Transformer: ${name} is ${show(t.shape)}; its last dimension must be dModel ${this.dModel}`);
    const { srcMask: mask, srcKeyPaddingMask, srcIsCausal: isCausal, ...decoderOptions } = options;
    return this.decoder(tgt, this.encoder(src, { mask, srcKeyPaddingMask, isCausal }), decoderOptions);
  }
}
