// Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): 70,000 grey images of clothing, 28 x 28, ten classes. MIT licence, Zalando SE.

import { to } from '../ops/cast.ts';
import { fromTyped } from '../ops/create.ts';
import { ValueError } from '../runtime/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { DataError } from './errors.ts';
import { fashionStandIn } from './fashion-standin.ts';
import { type DataFile, type ResolvedFile, type ResolveOptions, resolveFile } from './fetch.ts';
import { parseIdx } from './idx.ts';

const sources = [
  'https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/',
  'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
];

const published = (file: string, bytes: number, sha256: string): DataFile => ({
  dataset: 'fashion-mnist',
  file,
  bytes,
  sha256,
  urls: sources.map((s) => s + file),
});

/** The four published files. */
export const fashionMnistFiles = {
  train: {
    images: published('train-images-idx3-ubyte.gz', 26_421_880, '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84'),
    labels: published('train-labels-idx1-ubyte.gz', 29_515, 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845'),
  },
  test: {
    images: published('t10k-images-idx3-ubyte.gz', 4_422_102, '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073'),
    labels: published('t10k-labels-idx1-ubyte.gz', 5_148, '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5'),
  },
} as const;

/** Options of {@link loadFashionMnist}: those of the file search, and which part. */
export interface FashionMnistOptions extends ResolveOptions {
  /** The training part (60,000) or the test part (10,000). Default true. */
  train?: boolean;
  /** Only the first images. Default: all. */
  size?: number;
  /** Draws a procedural stand-in when no copy of the real images can be had. Default false: a DataError. */
  allowStandIn?: boolean;
  /** Seed of the stand-in. Default 0. */
  seed?: number;
}

/** Images and labels, and where they are from. */
export interface FashionMnist {
  /** uint8 [N, 28, 28], 0 black (background) to 255. */
  images: Tensor;
  /** int64 [N], 0 to 9. */
  labels: Tensor;
  /** `stand-in`: drawn by code, not the real images; reports must say so. */
  source: ResolvedFile['source'] | 'stand-in';
  /** One line for a report. */
  note: string;
}

/**
 * Loads Fashion-MNIST from FATHOM_DATA, the cache or a download (checked each time), or draws the stand-in where it is allowed and
 * nothing else can be had. Throws a DataError of one line when a file is missing or damaged; damage never leads to the stand-in.
 */
export async function loadFashionMnist(options: FashionMnistOptions = {}): Promise<FashionMnist> {
  const { train = true, size, allowStandIn = false, seed = 0, ...search } = options;
  const all = train ? 60_000 : 10_000;
  if (size !== undefined && (!Number.isSafeInteger(size) || size < 1 || size > all)) {
    throw new ValueError(`loadFashionMnist: size is ${size}; a whole number from 1 to ${all} was expected`);
  }
  const files = fashionMnistFiles[train ? 'train' : 'test'];
  let found: { images: ResolvedFile; labels: ResolvedFile };
  try {
    // The labels first: they are small, and without a network the answer comes sooner.
    const labels = await resolveFile(files.labels, search);
    found = { labels, images: await resolveFile(files.images, search) };
  } catch (error) {
    if (!allowStandIn || !(error instanceof DataError) || error.kind !== 'missing') throw error;
    const drawn = fashionStandIn({ train, size: size ?? all, seed });
    return { ...pack(drawn.images, drawn.labels), source: 'stand-in', note: `procedural stand-in for Fashion-MNIST (${error.message})` };
  }
  const labels = await read(found.labels, files.labels, [all]);
  const images = await read(found.images, files.images, [all, 28, 28]);
  const n = size ?? all;
  const note = `Fashion-MNIST, ${n} of ${all} ${train ? 'training' : 'test'} images, from ${found.images.source}`;
  return { ...pack(images.subarray(0, n * 784), labels.subarray(0, n)), source: found.images.source, note };
}

async function read(found: ResolvedFile, { file }: DataFile, shape: readonly number[]): Promise<Uint8Array> {
  const name = found.path ?? file;
  const idx = parseIdx(await found.read(), name, { dims: shape.length });
  if (!(idx.data instanceof Uint8Array) || idx.shape.some((d, i) => d !== shape[i])) {
    throw new DataError(
      'format',
      `${name}: holds ${idx.dtype} [${idx.shape.join(', ')}], uint8 [${shape.join(', ')}] was expected; replace it with the published file`,
    );
  }
  return idx.data;
}

function pack(images: Uint8Array, labels: Uint8Array): { images: Tensor; labels: Tensor } {
  const n = labels.length;
  return { images: fromTyped(images, [n, 28, 28], 'uint8'), labels: to(fromTyped(labels, [n], 'uint8'), 'int64') };
}
