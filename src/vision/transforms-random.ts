// Transforms with chance: what they draw comes from a seeded generator, the default one unless another is given, so runs can be repeated.
// `getParams` draws alone, to apply one draw to an image and its mask.

import { randn } from '../ops/create.ts';
import { ValueError } from '../runtime/errors.ts';
import { defaultGenerator, type Generator, permutation, uniform } from '../runtime/random.ts';
import { isFloating } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation, gaussianBlur, rgbToGrayscale } from './color.ts';
import {
  affine,
  crop,
  erase,
  getDimensions,
  hflip,
  type PadImageOptions,
  pad,
  type ResizeOptions,
  type RotateOptions,
  resizedCrop,
  rotate,
  vflip,
  type WarpOptions,
} from './geometry.ts';
import { type ImageTransform, Transform } from './transforms.ts';

/** Options of every transform with chance. */
export interface ChanceOptions {
  /** Where random numbers come from. Default: the default generator. */
  generator?: Generator;
}

type Range = readonly [number, number];

const between = ([low, high]: Range, generator: Generator): number => low + (high - low) * uniform(generator);
/** A whole number from 0 to n - 1. */
const below = (n: number, generator: Generator): number => Math.min(n - 1, Math.floor(uniform(generator) * n));

const pairOf = (name: string, size: number | readonly number[]): [number, number] => {
  const list = typeof size === 'number' ? [size, size] : [...size];
  if (list.length !== 2 || !list.every((n) => Number.isSafeInteger(n) && n > 0))
    throw new ValueError(`${name}: size is ${show(list)}; a positive whole number or [height, width] was expected`);
  return [list[0], list[1]];
};

function rangeOf(name: string, what: string, [low, high]: Range, least = Number.NEGATIVE_INFINITY): Range {
  if (!(low <= high && low >= least))
    throw new ValueError(
      `${name}: ${what} is ${show([low, high])}; [smallest, largest] was expected${Number.isFinite(least) ? `, from ${least} on` : ''}`,
    );
  return [low, high];
}

/** Base of what happens with probability `p`. */
abstract class Sometimes extends Transform {
  readonly p: number;
  protected readonly generator: Generator;

  constructor({ p = 0.5, generator = defaultGenerator }: { p?: number } & ChanceOptions = {}) {
    super();
    if (!(p >= 0 && p <= 1)) throw new ValueError(`${new.target.name}: p is ${p}; a probability from 0 to 1 was expected`);
    this.p = p;
    this.generator = generator;
  }

  forward(img: Tensor): Tensor {
    return uniform(this.generator) < this.p ? this.change(img) : img;
  }

  protected abstract change(img: Tensor): Tensor;

  protected override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** Mirrors left to right with probability p (0.5). */
export class RandomHorizontalFlip extends Sometimes {
  protected change(img: Tensor): Tensor {
    return hflip(img);
  }
}

/** Mirrors top to bottom with probability p (0.5). */
export class RandomVerticalFlip extends Sometimes {
  protected change(img: Tensor): Tensor {
    return vflip(img);
  }
}

/** Grey with probability p (0.1), with as many channels as before. */
export class RandomGrayscale extends Sometimes {
  constructor({ p = 0.1, ...options }: { p?: number } & ChanceOptions = {}) {
    super({ p, ...options });
  }

  protected change(img: Tensor): Tensor {
    return rgbToGrayscale(img, { numOutputChannels: getDimensions(img)[0] === 3 ? 3 : 1 });
  }
}

/** Applies another transform with probability p (0.5). */
export class RandomApply extends Sometimes {
  readonly transform: ImageTransform;

  constructor(transform: ImageTransform, options: { p?: number } & ChanceOptions = {}) {
    super(options);
    this.transform = transform;
  }

  protected change(img: Tensor): Tensor {
    return this.transform(img);
  }
}

/** Options of {@link RandomCrop}. */
export interface RandomCropOptions extends ChanceOptions, PadImageOptions {
  /** A margin that is added first. */
  padding?: number | readonly number[];
  /** Add a margin where the image is too small. */
  padIfNeeded?: boolean;
}

/** A part of the given size at a random place. */
export class RandomCrop extends Transform {
  readonly size: readonly [number, number];
  readonly #options: RandomCropOptions;

  constructor(size: number | readonly number[], options: RandomCropOptions = {}) {
    super();
    this.size = pairOf('RandomCrop', size);
    this.#options = options;
  }

  /** Draws [top, left, height, width]. ValueError when the image is too small. */
  static getParams(
    img: Tensor,
    outputSize: readonly [number, number],
    { generator = defaultGenerator }: ChanceOptions = {},
  ): [number, number, number, number] {
    const [, h, w] = getDimensions(img);
    const [th, tw] = outputSize;
    if (h < th || w < tw)
      throw new ValueError(
        `RandomCrop: the size ${show(outputSize)} is larger than the image ${show([h, w])}; resize it first, or pass padding or padIfNeeded`,
      );
    if (h === th && w === tw) return [0, 0, h, w];
    const top = below(h - th + 1, generator);
    return [top, below(w - tw + 1, generator), th, tw];
  }

  forward(img: Tensor): Tensor {
    const { padding, padIfNeeded = false, fill, paddingMode, generator } = this.#options;
    const how: PadImageOptions = { ...(fill === undefined ? {} : { fill }), ...(paddingMode === undefined ? {} : { paddingMode }) };
    let x = padding === undefined ? img : pad(img, padding, how);
    if (padIfNeeded) {
      const [, h, w] = getDimensions(x);
      const [more, wider] = [Math.max(0, this.size[0] - h), Math.max(0, this.size[1] - w)];
      if (more + wider > 0) x = pad(x, [wider, more], how);
    }
    return crop(x, ...RandomCrop.getParams(x, this.size, generator === undefined ? {} : { generator }));
  }

  protected override extraRepr(): string {
    return show(this.size);
  }
}

/** Options of {@link RandomResizedCrop}. */
export interface RandomResizedCropOptions extends ChanceOptions, ResizeOptions {
  /** Smallest and largest share of the image's area. Default [0.08, 1]. */
  scale?: Range;
  /** Smallest and largest width over height. Default [3/4, 4/3]. */
  ratio?: Range;
}

/** A part of random area and aspect ratio, resized to `size`. */
export class RandomResizedCrop extends Transform {
  readonly size: readonly [number, number];
  readonly scale: Range;
  readonly ratio: Range;
  readonly #generator: Generator;
  readonly #resize: ResizeOptions;

  constructor(
    size: number | readonly number[],
    { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], generator = defaultGenerator, ...resize }: RandomResizedCropOptions = {},
  ) {
    super();
    this.size = pairOf('RandomResizedCrop', size);
    this.scale = rangeOf('RandomResizedCrop', 'scale', scale, 0);
    this.ratio = rangeOf('RandomResizedCrop', 'ratio', ratio, Number.MIN_VALUE);
    this.#generator = generator;
    this.#resize = resize;
  }

  /** Draws [top, left, height, width]: ten tries, then the largest part in the middle whose ratio is allowed. */
  static getParams(
    img: Tensor,
    scale: Range,
    ratio: Range,
    { generator = defaultGenerator }: ChanceOptions = {},
  ): [number, number, number, number] {
    const [, height, width] = getDimensions(img);
    const logRatio: Range = [Math.log(ratio[0]), Math.log(ratio[1])];
    for (let i = 0; i < 10; i++) {
      const area = height * width * between(scale, generator);
      const aspect = Math.exp(between(logRatio, generator));
      const [w, h] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
      if (w <= 0 || h <= 0 || w > width || h > height) continue;
      const top = below(height - h + 1, generator);
      return [top, below(width - w + 1, generator), h, w];
    }
    const own = width / height;
    const [h, w] =
      own < ratio[0] ? [Math.round(width / ratio[0]), width] : own > ratio[1] ? [height, Math.round(height * ratio[1])] : [height, width];
    return [Math.floor((height - h) / 2), Math.floor((width - w) / 2), h, w];
  }

  forward(img: Tensor): Tensor {
    return resizedCrop(
      img,
      ...RandomResizedCrop.getParams(img, this.scale, this.ratio, { generator: this.#generator }),
      this.size,
      this.#resize,
    );
  }

  protected override extraRepr(): string {
    return `${show(this.size)}, scale=${show(this.scale)}`;
  }
}

/** A number v for the range [1 - v, 1 + v] (of the hue: [-v, v]), or the range itself. */
export type Jitter = number | Range;

/** Options of {@link ColorJitter}. */
export interface ColorJitterOptions extends ChanceOptions {
  brightness?: Jitter;
  contrast?: Jitter;
  saturation?: Jitter;
  hue?: Jitter;
}

/** Changes brightness, contrast, saturation and hue by random factors in a random order. */
export class ColorJitter extends Transform {
  readonly #ranges: readonly (Range | null)[];
  readonly #generator: Generator;

  constructor({ brightness = 0, contrast = 0, saturation = 0, hue = 0, generator = defaultGenerator }: ColorJitterOptions = {}) {
    super();
    const around = (what: string, v: Jitter, center: number, limits: Range): Range | null => {
      if (typeof v === 'number' && !(v >= 0))
        throw new ValueError(`ColorJitter: ${what} is ${v}; a number of at least 0, or a range, was expected`);
      const range: Range = typeof v === 'number' ? [Math.max(center - v, limits[0]), center + v] : v;
      if (!(range[0] >= limits[0] && range[1] <= limits[1] && range[0] <= range[1]))
        throw new ValueError(`ColorJitter: ${what} is ${show(range)}; a range within ${limits[0]} … ${limits[1]} was expected`);
      return range[0] === center && range[1] === center ? null : range;
    };
    this.#ranges = [
      around('brightness', brightness, 1, [0, Number.POSITIVE_INFINITY]),
      around('contrast', contrast, 1, [0, Number.POSITIVE_INFINITY]),
      around('saturation', saturation, 1, [0, Number.POSITIVE_INFINITY]),
      around('hue', hue, 0, [-0.5, 0.5]),
    ];
    this.#generator = generator;
  }

  /** Draws the order (0 brightness, 1 contrast, 2 saturation, 3 hue) and a factor for each that changes, else null. */
  getParams(): { order: number[]; factors: (number | null)[] } {
    const order = [...permutation(4, this.#generator)];
    return { order, factors: this.#ranges.map((r) => (r === null ? null : between(r, this.#generator))) };
  }

  forward(img: Tensor): Tensor {
    const { order, factors } = this.getParams();
    const change = [adjustBrightness, adjustContrast, adjustSaturation, adjustHue];
    return order.reduce((x, i) => {
      const factor = factors[i];
      return factor === null ? x : change[i](x, factor);
    }, img);
  }
}

/** Options of {@link RandomRotation}. */
export interface RandomRotationOptions extends RotateOptions, ChanceOptions {}

/** Turns by a random angle: within ± `degrees`, or within a range. */
export class RandomRotation extends Transform {
  readonly degrees: Range;
  readonly #generator: Generator;
  readonly #options: RotateOptions;

  constructor(degrees: number | Range, { generator = defaultGenerator, ...options }: RandomRotationOptions = {}) {
    super();
    this.degrees = rangeOf('RandomRotation', 'degrees', typeof degrees === 'number' ? [-degrees, degrees] : degrees);
    this.#generator = generator;
    this.#options = options;
  }

  forward(img: Tensor): Tensor {
    return rotate(img, between(this.degrees, this.#generator), this.#options);
  }

  protected override extraRepr(): string {
    return show(this.degrees);
  }
}

/** Options of {@link RandomAffine}. */
export interface RandomAffineOptions extends WarpOptions, ChanceOptions {
  /** Largest shift as a share of width and height. Default: none. */
  translate?: Range;
  /** Smallest and largest scale. Default: 1. */
  scale?: Range;
  /** Shear along x: within ± degrees, or within a range. Default: none. */
  shear?: number | Range;
}

/** Turns, shifts, scales and shears by random amounts. */
export class RandomAffine extends Transform {
  readonly degrees: Range;
  readonly #translate: Range;
  readonly #scale: Range;
  readonly #shear: Range;
  readonly #generator: Generator;
  readonly #options: WarpOptions;

  constructor(
    degrees: number | Range,
    { translate = [0, 0], scale = [1, 1], shear = 0, generator = defaultGenerator, ...options }: RandomAffineOptions = {},
  ) {
    super();
    this.degrees = rangeOf('RandomAffine', 'degrees', typeof degrees === 'number' ? [-degrees, degrees] : degrees);
    if (!translate.every((t) => t >= 0 && t <= 1))
      throw new ValueError(`RandomAffine: translate is ${show(translate)}; shares of width and height from 0 to 1 were expected`);
    this.#translate = translate;
    this.#scale = rangeOf('RandomAffine', 'scale', scale, Number.MIN_VALUE);
    this.#shear = rangeOf('RandomAffine', 'shear', typeof shear === 'number' ? [-shear, shear] : shear);
    this.#generator = generator;
    this.#options = options;
  }

  forward(img: Tensor): Tensor {
    const g = this.#generator;
    const [, h, w] = getDimensions(img);
    const angle = between(this.degrees, g);
    const shift = (share: number, size: number): number => Math.round(between([-share * size, share * size], g));
    const translate: [number, number] = [shift(this.#translate[0], w), shift(this.#translate[1], h)];
    const scale = between(this.#scale, g);
    return affine(img, angle, translate, scale, between(this.#shear, g), this.#options);
  }
}

/** Gaussian blur with a random sigma. */
export class GaussianBlur extends Transform {
  readonly kernelSize: number | readonly number[];
  readonly sigma: Range;
  readonly #generator: Generator;

  constructor(
    kernelSize: number | readonly number[],
    { sigma = [0.1, 2], generator = defaultGenerator }: { sigma?: number | Range } & ChanceOptions = {},
  ) {
    super();
    this.kernelSize = kernelSize;
    this.sigma = rangeOf('GaussianBlur', 'sigma', typeof sigma === 'number' ? [sigma, sigma] : sigma, Number.MIN_VALUE);
    this.#generator = generator;
  }

  forward(img: Tensor): Tensor {
    return gaussianBlur(img, this.kernelSize, { sigma: between(this.sigma, this.#generator) });
  }
}

/** Options of {@link RandomErasing}. */
export interface RandomErasingOptions extends ChanceOptions {
  p?: number;
  /** Smallest and largest share of the area. Default [0.02, 0.33]. */
  scale?: Range;
  /** Smallest and largest height over width. Default [0.3, 3.3]. */
  ratio?: Range;
  /** What is written: a number, or 'random' for normal noise. Default 0. */
  value?: number | 'random';
}

/** Covers a random rectangle with probability p (0.5) (Zhong et al., 2020). */
export class RandomErasing extends Sometimes {
  readonly scale: Range;
  readonly ratio: Range;
  readonly value: number | 'random';

  constructor({ scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0, ...options }: RandomErasingOptions = {}) {
    super(options);
    this.scale = rangeOf('RandomErasing', 'scale', scale, 0);
    this.ratio = rangeOf('RandomErasing', 'ratio', ratio, Number.MIN_VALUE);
    this.value = value;
  }

  protected change(img: Tensor): Tensor {
    const [c, height, width] = getDimensions(img);
    const logRatio: Range = [Math.log(this.ratio[0]), Math.log(this.ratio[1])];
    for (let i = 0; i < 10; i++) {
      const area = height * width * between(this.scale, this.generator);
      const aspect = Math.exp(between(logRatio, this.generator));
      const [h, w] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
      if (h >= height || w >= width || h < 1 || w < 1) continue;
      const top = below(height - h + 1, this.generator);
      const left = below(width - w + 1, this.generator);
      if (this.value !== 'random') return erase(img, top, left, h, w, this.value);
      if (!isFloating(img.dtype))
        throw new ValueError(`RandomErasing: value 'random' needs a float image, img is ${img.dtype}; apply ToTensor first`);
      return erase(img, top, left, h, w, randn([c, h, w], { dtype: img.dtype, generator: this.generator }));
    }
    return img;
  }
}
