// The Fashion-MNIST data module (section 4.2).

import { DataLoader, fashionLabels, loadFashionMnist, resize, TensorDataset, toUnit } from '../data/index.ts';
import { numbersSync } from '../ops/read.ts';
import { type Figure, showImages } from '../plot/index.ts';
import { ValueError } from '../runtime/errors.ts';
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

/** 60,000 training and 10,000 validation images in ten classes: X is float32 [B, 1, H, W] in [0, 1], y is int64 [B]. */
export class FashionMNIST extends DataModule {
  declare resize: readonly [number, number];
  declare sizes: { train?: number; val?: number };
  declare allowStandIn: boolean;
  declare onNote: ((text: string) => void) | undefined;
  #parts: { train: TensorDataset<[Tensor, Tensor]>; val: TensorDataset<[Tensor, Tensor]> } | null = null;
  /** Where the images came from, once loaded. */
  source: string | null = null;
  note = '';

  constructor(options: FashionMNISTOptions = {}) {
    super();
    this.saveHyperparameters({ batchSize: 64, resize: [28, 28], sizes: {}, allowStandIn: true, ...options });
  }

  /** Loads both parts once. */
  override async prepareData(): Promise<void> {
    if (this.#parts !== null) return;
    const load = async (train: boolean): Promise<TensorDataset<[Tensor, Tensor]>> => {
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
      return new TensorDataset(bytes.unsqueeze(1), found.labels);
    };
    this.#parts = { train: await load(true), val: await load(false) };
  }

  #part(train: boolean): TensorDataset<[Tensor, Tensor]> {
    if (this.#parts === null)
      throw new ValueError('FashionMNIST: the images are not loaded yet; await prepareData() first (the Trainer does)');
    return train ? this.#parts.train : this.#parts.val;
  }

  /** Number of images of a part. */
  size(train: boolean): number {
    return this.#part(train).length;
  }

  getDataloader(train: boolean): BatchLoader {
    const loader = new DataLoader(this.#part(train), { batchSize: this.batchSize, shuffle: train });
    // Bytes become floats batch by batch: the whole set would be four times as large in memory.
    return {
      length: loader.length,
      async *[Symbol.asyncIterator](): AsyncIterator<Batch> {
        for await (const [x, y] of loader) {
          const scaled = toUnit(x);
          x.dispose();
          yield [scaled, y];
        }
      },
    };
  }

  /** Names of class indices. */
  textLabels(indices: Tensor | readonly number[]): string[] {
    return (Array.isArray(indices) ? (indices as readonly number[]) : numbersSync(indices as Tensor)).map((i) => fashionLabels[i]);
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
