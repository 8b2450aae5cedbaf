// Tables of vectors looked up by index, one by one or in bags.

import { noGrad } from '../autograd/mode.ts';
import { type EmbeddingBagOptions, type EmbeddingOptions, embedding, embeddingBag } from '../ops/embedding.ts';
import { empty } from '../ops/raw.ts';
import { select } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { normal_, zeros_ } from './init.ts';
import { describe } from './layout.ts';
import { checkCount } from './linear.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';
import { markTransparent } from './transparent.ts';

export interface EmbeddingLayerOptions extends EmbeddingOptions {
  dtype?: DType;
}

interface PretrainedOptions {
  /** Do not train the table. */
  freeze?: boolean;
}

/** A parameter that starts as a given table. */
function pretrained(name: string, table: Tensor, freeze: boolean): Parameter {
  if (table.ndim !== 2) throw new ShapeError(`${name}.fromPretrained: the table is ${show(table.shape)}; expected [rows, D]`);
  return new Parameter(table.detach(), { requiresGrad: !freeze });
}

function checkPadding(name: string, paddingIdx: number | null, rows: number): number | null {
  if (paddingIdx === null) return null;
  if (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows)
    throw new ValueError(`${name}: paddingIdx ${paddingIdx} is no row; use ${-rows} to ${rows - 1}`);
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
}

/** N(0, 1), and zeros in the row of the padding. */
function initialize(weight: Parameter, paddingIdx: number | null): void {
  normal_(weight);
  if (paddingIdx !== null) noGrad(() => zeros_(select(weight, 0, paddingIdx)));
}

/** Vectors of embeddingDim numbers for indices 0 to numEmbeddings - 1: [...] (int64 or int32) to [..., embeddingDim]. */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly options: EmbeddingOptions;
  readonly weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, { dtype = 'float32', ...options }: EmbeddingLayerOptions = {}) {
    super();
    checkCount('Embedding', 'numEmbeddings', numEmbeddings);
    checkCount('Embedding', 'embeddingDim', embeddingDim);
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = checkPadding('Embedding', options.paddingIdx ?? null, numEmbeddings);
    this.options = { ...options, paddingIdx: this.paddingIdx };
    this.weight = new Parameter(empty([numEmbeddings, embeddingDim], dtype));
    this.resetParameters();
  }

  /** N(0, 1), PyTorch's default; zeros in the row of the padding. */
  resetParameters(): void {
    initialize(this.weight, this.paddingIdx);
  }

  /** A layer over a given table [numEmbeddings, embeddingDim], frozen unless told otherwise. */
  static fromPretrained(table: Tensor, { freeze = true, ...options }: EmbeddingOptions & PretrainedOptions = {}): Embedding {
    const weight = pretrained('Embedding', table, freeze);
    const layer = new Embedding(table.shape[0], table.shape[1], { ...options, dtype: table.dtype });
    return Object.assign(layer, { weight });
  }

  forward(index: Tensor): Tensor {
    return embedding(index, this.weight, this.options);
  }

  protected override extraRepr(): string {
    const more = describe(this.options);
    return `${this.numEmbeddings}, ${this.embeddingDim}${more === '' ? '' : `, ${more}`}`;
  }
}

type BagOptions = Omit<EmbeddingBagOptions, 'offsets' | 'perSampleWeights'>;
/** What comes with the indices of a bag. */
export interface BagInputs {
  offsets?: Tensor | null;
  perSampleWeights?: Tensor | null;
}

/** Sums, means or maxima of vectors over bags of indices: [bags, L], or [n] with offsets, to [bags, embeddingDim]. */
export class EmbeddingBag extends Module<[index: Tensor, offsets?: Tensor | BagInputs | null]> {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly options: BagOptions;
  readonly weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, { dtype = 'float32', ...options }: BagOptions & { dtype?: DType } = {}) {
    super();
    checkCount('EmbeddingBag', 'numEmbeddings', numEmbeddings);
    checkCount('EmbeddingBag', 'embeddingDim', embeddingDim);
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = checkPadding('EmbeddingBag', options.paddingIdx ?? null, numEmbeddings);
    this.options = { ...options, paddingIdx: this.paddingIdx };
    this.weight = new Parameter(empty([numEmbeddings, embeddingDim], dtype));
    this.resetParameters();
  }

  /** N(0, 1), PyTorch's default; zeros in the row of the padding. */
  resetParameters(): void {
    initialize(this.weight, this.paddingIdx);
  }

  /** A layer over a given table [numEmbeddings, embeddingDim], frozen unless told otherwise. */
  static fromPretrained(table: Tensor, { freeze = true, ...options }: BagOptions & PretrainedOptions = {}): EmbeddingBag {
    const weight = pretrained('EmbeddingBag', table, freeze);
    const layer = new EmbeddingBag(table.shape[0], table.shape[1], { ...options, dtype: table.dtype });
    return Object.assign(layer, { weight });
  }

  forward(index: Tensor, more: Tensor | BagInputs | null = null): Tensor {
    const inputs: BagInputs = more === null ? {} : 'storage' in more ? { offsets: more } : more;
    return embeddingBag(index, this.weight, { ...this.options, ...inputs });
  }

  protected override extraRepr(): string {
    const more = describe({ mode: 'mean', ...this.options });
    return `${this.numEmbeddings}, ${this.embeddingDim}, ${more}`;
  }
}

markTransparent(Embedding, EmbeddingBag);
