// A folder of images as a data set: one sub-folder for each class, as torchvision's ImageFolder reads it.

import type { Dataset } from '../data/dataset.ts';
import { causeOf, LoadError } from '../io/errors.ts';
import { nodeModule } from '../io/node-modules.ts';
import { IndexError } from '../runtime/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type ImageMode, readImage } from './image-file.ts';

/** Options of {@link ImageFolder.open}. */
export interface ImageFolderOptions<T> {
  /** Applied to every image. Default: none. */
  transform?: (image: Tensor) => T | Promise<T>;
  /** Applied to every label. */
  targetTransform?: (label: number) => number;
  /** How images are decoded. Default 'rgb'. */
  mode?: ImageMode;
  /** Endings of the files taken. Default .jpg, .jpeg and .png. */
  extensions?: readonly string[];
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Images of a folder with a sub-folder for each class: item i is [image, label], labels counting the sorted class names. */
export class ImageFolder<T = Tensor> implements Dataset<[T, number]> {
  /** Class names, sorted. */
  readonly classes: readonly string[];
  /** Label of each class name. */
  readonly classToIdx: Readonly<Record<string, number>>;
  /** Path and label of every image, sorted by class and path. */
  readonly samples: readonly (readonly [path: string, label: number])[];
  readonly #options: ImageFolderOptions<T>;

  private constructor(classes: readonly string[], samples: readonly (readonly [string, number])[], options: ImageFolderOptions<T>) {
    this.classes = classes;
    this.classToIdx = Object.fromEntries(classes.map((c, i) => [c, i]));
    this.samples = samples;
    this.#options = options;
  }

  /** Lists the folder. Throws a LoadError when it cannot be read, has no sub-folders, or one of them has no images. */
  static async open<T = Tensor>(root: string, options: ImageFolderOptions<T> = {}): Promise<ImageFolder<T>> {
    const fs = await nodeModule('node:fs/promises', `reading the images of ${root}`);
    const paths = await nodeModule('node:path', `reading the images of ${root}`);
    const extensions = (options.extensions ?? ['.jpg', '.jpeg', '.png']).map((e) => e.toLowerCase());
    const list = async (folder: string): Promise<import('node:fs').Dirent[]> => {
      try {
        return await fs.readdir(folder, { withFileTypes: true });
      } catch (error) {
        throw new LoadError(`could not read the folder ${folder}: ${causeOf(error)}`, folder, { cause: error });
      }
    };
    const classes = (await list(root))
      .filter((e) => e.isDirectory())
      .map((e) => e.name)
      .sort(compare);
    if (classes.length === 0) throw new LoadError(`ImageFolder: ${root} has no sub-folders; put the images of each class into one`, root);
    const samples: (readonly [string, number])[] = [];
    for (const [label, name] of classes.entries()) {
      const found: string[] = [];
      const open = [paths.join(root, name)];
      while (open.length > 0) {
        const folder = open.pop() as string;
        for (const e of await list(folder)) {
          if (e.isDirectory()) open.push(paths.join(folder, e.name));
          else if (extensions.some((x) => e.name.toLowerCase().endsWith(x))) found.push(paths.join(folder, e.name));
        }
      }
      if (found.length === 0)
        throw new LoadError(
          `ImageFolder: ${paths.join(root, name)} has no images (${extensions.join(', ')}); remove the folder or pass extensions`,
          root,
        );
      for (const path of found.sort(compare)) samples.push([path, label]);
    }
    return new ImageFolder(classes, samples, options);
  }

  get length(): number {
    return this.samples.length;
  }

  /** The labels of all images. */
  get targets(): number[] {
    return this.samples.map(([, label]) => label);
  }

  /** Image `index`, decoded and transformed, and its label. IndexError when there is none; LoadError and FormatError as readImage. */
  async get(index: number): Promise<[T, number]> {
    const sample = this.samples[index];
    if (sample === undefined) throw new IndexError(`ImageFolder: there is no image ${index}; the set has ${this.length}, numbered from 0`);
    const { transform, targetTransform, mode = 'rgb' } = this.#options;
    const image = await readImage(sample[0], { mode });
    const label = targetTransform === undefined ? sample[1] : targetTransform(sample[1]);
    return [transform === undefined ? (image as T) : await transform(image), label];
  }
}
