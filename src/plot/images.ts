// `showImages`: a grid of pictures with titles; and the reading of pixel arrays that it shares with reports.
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { Figure } from './figure.ts';
import { isTensorLike, type Nested, type Plottable, shapeOf, toNested } from './input.ts';
import { type Pixels, pngDataUri } from './png.ts';

export interface ImageRangeOptions {
  /** Values drawn as black and white. By default 0 and 255 for bytes, 0 and 1 for values inside that, else the image's own extremes. */
  range?: readonly [number, number];
}

export interface ShowImagesOptions extends ImageRangeOptions {
  titles?: readonly string[];
  /** Size of one image in units of an inch of 96 pixels. */
  scale?: number;
}

/**
 * The images in `numRows` rows of `numCols`. Each image is [H, W], [H, W, C] or [C, H, W] with C of 1, 3 or 4; a tensor
 * [N, …] of images serves as the list. Images beyond the grid are left out, missing ones leave their place empty.
 */
export function showImages(
  images: Plottable | readonly Plottable[],
  numRows: number,
  numCols: number,
  options: ShowImagesOptions = {},
): Figure {
  const { titles = [], scale = 1.5, range } = options;
  for (const [name, count] of [
    ['numRows', numRows],
    ['numCols', numCols],
  ] as const) {
    if (!Number.isInteger(count) || count < 1) throw new ValueError(`${name}: is ${count}; expected a whole number of at least 1`);
  }
  if (!(scale > 0)) throw new ValueError(`scale: is ${scale}; expected a positive number`);
  const list = (isTensorLike(images) ? toNested(images, 'images') : images) as ArrayLike<unknown>;
  const count = Math.min(list.length, numRows * numCols);
  const side = scale * 96;
  const gap = Math.max(6, side * 0.08);
  const head = titles.length > 0 ? 18 : 0;
  const values = Array.from({ length: count }, (_, i) => {
    const pixels = toPixels(list[i] as Plottable, `images[${i}]`, { range });
    const fit = side / Math.max(pixels.width, pixels.height);
    return {
      url: pngDataUri(pixels),
      x: (i % numCols) * (side + gap) + side / 2,
      y: Math.floor(i / numCols) * (side + gap + head) + head + side / 2,
      w: pixels.width * fit,
      h: pixels.height * fit,
      title: titles[i] ?? '',
    };
  });
  const width = numCols * side + (numCols - 1) * gap;
  const height = numRows * (side + head) + (numRows - 1) * gap;
  const at = (field: string, size: number) => ({
    field,
    type: 'quantitative',
    axis: null,
    scale: { domain: [0, size], range: [0, size], nice: false, zero: false },
  });
  const encoding = { x: at('x', width), y: at('y', height) };
  const spec = {
    data: { values },
    width,
    height,
    padding: 2,
    autosize: 'none',
    layer: [
      // One layer a distinct size, because Vega-Lite takes an image's size from the mark.
      ...[...new Set(values.map(({ w, h }) => `${w},${h}`))].map((size) => {
        const [w, h] = size.split(',').map(Number);
        return {
          transform: [{ filter: `datum.w == ${w} && datum.h == ${h}` }],
          mark: { type: 'image', width: w, height: h, smooth: side < Math.max(w!, h!) },
          encoding: { ...encoding, url: { field: 'url', type: 'nominal' } },
        };
      }),
      ...(head > 0
        ? [
            {
              mark: { type: 'text', baseline: 'bottom', dy: -side / 2 - 4, limit: side + gap - 4 },
              encoding: { ...encoding, text: { field: 'title' } },
            },
          ]
        : []),
    ],
  };
  const description = `${count} images${titles.length > 0 ? `: ${titles.slice(0, count).join(', ')}` : ''}`;
  return new Figure(spec, { width: Math.round(width), height: Math.round(height), description });
}

/** Reads an image [H, W], [H, W, C] or [C, H, W] (C of 1, 3, 4) into bytes. Throws `ShapeError` for other shapes. */
export function toPixels(image: Plottable, argument = 'image', { range }: ImageRangeOptions = {}): Pixels {
  const nested = toNested(image, argument);
  const shape = shapeOf(nested, argument);
  const layout = layoutOf(shape);
  if (layout === undefined) {
    throw new ShapeError(`${argument}: has the shape [${shape}]; expected [H, W], [H, W, C] or [C, H, W] with C of 1, 3 or 4`);
  }
  const { width, height, channels, channelsFirst } = layout;
  const flat = flatten(nested);
  const [black, white] = range ?? rangeOf(flat);
  const data = new Uint8Array(flat.length);
  const plane = width * height;
  const scale = white === black ? 0 : 255 / (white - black);
  for (let i = 0; i < flat.length; i++) {
    const from = channelsFirst ? (i % channels) * plane + Math.floor(i / channels) : i;
    data[i] = Math.min(255, Math.max(0, Math.round((flat[from]! - black) * scale))); // NaN becomes 0
  }
  return { width, height, channels, data };
}

type Layout = { width: number; height: number; channels: 1 | 3 | 4; channelsFirst: boolean };

function layoutOf(shape: number[]): Layout | undefined {
  const [a, b, c] = shape as [number, number, number];
  if (shape.includes(0)) return undefined;
  if (shape.length === 2) return { height: a, width: b, channels: 1, channelsFirst: false };
  if (shape.length !== 3) return undefined;
  const isChannels = (n: number): n is 1 | 3 | 4 => n === 1 || n === 3 || n === 4;
  // [3, H, 3] is ambiguous; tensors in this library carry channels first.
  if (isChannels(a)) return { height: b, width: c, channels: a, channelsFirst: true };
  if (isChannels(c)) return { height: a, width: b, channels: c, channelsFirst: false };
  return undefined;
}

function flatten(nested: Nested): number[] {
  if (typeof nested === 'number') return [nested];
  return typeof nested[0] === 'number' ? (nested as number[]) : nested.flatMap(flatten);
}

function rangeOf(values: number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let whole = true;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
    if (!Number.isInteger(value)) whole = false;
  }
  if (low >= 0 && high <= 1) return [0, 1];
  if (whole && low >= 0 && high <= 255) return [0, 255];
  return [low, high];
}
