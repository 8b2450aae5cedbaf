// The Fashion-MNIST data module (section 4.2).

import {
  type BatchedDataset,
  DataLoader,
  type Dataset,
  fashionLabels,
  loadFashionMnist,
  resize,
  TensorDataset,
  toUnit,
} from '../data/index.ts';
import { numbersSync } from '../ops/read.ts';
import { type Figure, showImages } from '../plot/index.ts';
import { IndexError, ValueError } from '../runtime/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Batch, type BatchLoader, DataModule } from './module.ts';

export interface FashionMNISTOptions {
  batchSize?: number;
  /** Height and width of the images. */
  resize?: readonly [number, number];
  /** Only the first images of the training and of the validation part. */
  sizes?: { train?: number; val?: number };
  /** Folder with data sets that goes before FATHOM_DATA and the cache. */
  root?: string;
  /** Draw the procedural stand-in when the real images cannot be had. */
  allowStandIn?: boolean;
  /** Receives one line about where the data came from. */
  onNote?: (text: string) => void;
}

/**
 * Images kept as bytes [N, 1, H, W] and given as floats in [0, 1]: a batch is scaled when it is asked for, because the whole set
 * would take four times the memory.
 */
class ScaledImages implements BatchedDataset<[Tensor, Tensor], [Tensor, Tensor]> {
  readonly #bytes: TensorDataset<[Tensor, Tensor]>;
  readonly length: number;

  constructor(images: Tensor, labels: Tensor) {
    this.#bytes = new TensorDataset(images, labels);
    this.length = this.#bytes.length;
  }

  /** Image [1, H, W] and label []. */
  get(i: number): [Tensor, Tensor] {
    const [x, y] = this.#bytes.get(i);
    return [toUnit(x), y];
  }

  /** Images [B, 1, H, W] and labels [B]. */
  getBatch(indices: ArrayLike<number>): [Tensor, Tensor] {
    const [x, y] = this.#bytes.getBatch(indices);
    const scaled = toUnit(x);
    x.dispose();
    return [scaled, y];
  }
}

/** 60,000 training and 10,000 validation images in ten classes: X is float32 [B, 1, H, W] in [0, 1], y is int64 [B]. */
export class FashionMNIST extends DataModule {
  declare resize: readonly [number, number];
  declare sizes: { train?: number; val?: number };
  declare allowStandIn: boolean;
  readonly onNote: ((text: string) => void) | undefined;
  #parts: { train: ScaledImages; val: ScaledImages } | null = null;
  /** Where the images came from, once loaded. */
  source: string | null = null;
  note = '';

  constructor(options: FashionMNISTOptions = {}) {
    super();
    this.saveHyperparameters({ batchSize: 64, resize: [28, 28], sizes: {}, allowStandIn: true, ...options }, { ignore: ['onNote'] });
    this.onNote = options.onNote;
  }

  /** Loads both parts once. */
  override async prepareData(): Promise<void> {
    if (this.#parts !== null) return;
    const load = async (train: boolean): Promise<ScaledImages> => {
      const size = train ? this.sizes.train : this.sizes.val;
      const found = await loadFashionMnist({
        train,
        size,
        allowStandIn: this.allowStandIn,
        ...(this.hparams.root === undefined ? {} : { root: this.root }),
      });
      if (train) {
        this.source = found.source;
        this.note = found.note;
        this.onNote?.(found.note);
      }
      const [h, w] = this.resize;
      const bytes = h === 28 && w === 28 ? found.images : resize(found.images, [h, w]);
      bytes.kept = true;
      return new ScaledImages(bytes.unsqueeze(1), found.labels);
    };
    this.#parts = { train: await load(true), val: await load(false) };
  }

  #part(train: boolean): ScaledImages {
    if (this.#parts === null)
      throw new ValueError('FashionMNIST: the images are not loaded yet; await prepareData() first (the Trainer does)');
    return train ? this.#parts.train : this.#parts.val;
  }

  /** The training images, once loaded: item i is [image, label]. */
  get train(): Dataset<[Tensor, Tensor]> {
    return this.#part(true);
  }

  /** The validation images, once loaded. */
  get val(): Dataset<[Tensor, Tensor]> {
    return this.#part(false);
  }

  getDataloader(train: boolean): BatchLoader {
    return new DataLoader(this.#part(train), { batchSize: this.batchSize, shuffle: train });
  }

  /** Names of class indices. IndexError for a number that is no class. */
  textLabels(indices: Tensor | readonly number[]): string[] {
    const list = Array.isArray(indices) ? (indices as readonly number[]) : numbersSync(indices as Tensor);
    return list.map((i) => {
      if (!(i in fashionLabels)) throw new IndexError(`textLabels: there is no class ${i}; classes are 0 to ${fashionLabels.length - 1}`);
      return fashionLabels[i];
    });
  }

  /** The first images of a batch with their labels. */
  visualize(
    batch: Batch,
    { nrows = 1, ncols = 8, labels = [] }: { nrows?: number; ncols?: number; labels?: readonly string[] } = {},
  ): Figure {
    const [x, y] = batch;
    const names = labels.length > 0 ? labels : this.textLabels(y);
    const images = Array.from({ length: Math.min(nrows * ncols, x.shape[0]) }, (_, i) => x.select(0, i).squeeze(0));
    return showImages(images, nrows, ncols, { titles: [...names] });
  }
}
