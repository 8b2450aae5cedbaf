// Features of regions of interest: roiPool (Girshick, 2015) and roiAlign (He et al., 2017). Positions and weights are computed on the host;
// values flow through gathers, so gradients of every order reach the feature map.

import { to } from '../ops/cast.ts';
import { fromTyped } from '../ops/create.ts';
import { add, mul } from '../ops/elementwise.ts';
import { indexSelect } from '../ops/gather.ts';
import { empty } from '../ops/raw.ts';
import { dataSync } from '../ops/read.ts';
import { contiguous, permute, reshape } from '../ops/view.ts';
import { DTypeError, IndexError, ShapeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Boxes with the number of their image in front, [K, 5]; or one tensor [L, 4] for each image. */
export type Regions = Tensor | readonly Tensor[];

interface Region {
  image: number;
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

function check(name: string, input: Tensor, outputSize: number | readonly [number, number]): readonly [number, number] {
  if (input.ndim !== 4) throw new ShapeError(`${name}: input is ${show(input.shape)}; expected [N, C, H, W]`);
  if (!isFloating(input.dtype)) throw new DTypeError(`${name}: input is ${input.dtype}; cast it with .to('float32')`);
  const size = typeof outputSize === 'number' ? ([outputSize, outputSize] as const) : outputSize;
  if (size.length !== 2 || !size.every((n) => Number.isSafeInteger(n) && n > 0))
    throw new ValueError(`${name}: outputSize is ${show([...size])}; a positive whole number or [height, width] was expected`);
  return size;
}

function regionsOf(name: string, boxes: Regions, images: number): Region[] {
  const rows: Region[] = [];
  const take = (t: Tensor, width: 4 | 5, image: number): void => {
    if (t.ndim !== 2 || t.shape[1] !== width)
      throw new ShapeError(`${name}: boxes is ${show(t.shape)}; expected [K, 5] with the number of the image first, or a list of [L, 4]`);
    const v = Float64Array.from(dataSync(t) as ArrayLike<number | bigint>, Number);
    for (let i = 0; i < v.length; i += width) {
      const [x1, y1, x2, y2] = v.subarray(i + width - 4, i + width);
      rows.push({ image: width === 5 ? v[i] : image, x1, y1, x2, y2 });
    }
  };
  if (boxes instanceof Tensor) take(boxes, 5, 0);
  else {
    if (boxes.length !== images)
      throw new ShapeError(`${name}: ${boxes.length} lists of boxes for ${images} image(s); give one tensor [L, 4] for each`);
    boxes.forEach((b, i) => {
      take(b, 4, i);
    });
  }
  for (const { image } of rows)
    if (!Number.isInteger(image) || image < 0 || image >= images)
      throw new IndexError(`${name}: a box names image ${image}; the input has ${images}, numbered from 0`);
  return rows;
}

/** Options of {@link roiPool}. */
export interface RoiPoolOptions {
  /** Factor from the boxes' coordinates to those of the feature map. */
  spatialScale?: number;
}

const roundAway = (v: number): number => Math.sign(v) * Math.floor(Math.abs(v) + 0.5);

/**
 * Largest value in each cell of a grid laid over each box: input [N, C, H, W] -> [K, C, PH, PW]. Box corners are rounded to whole pixels; a
 * cell outside the map gives 0.
 */
export function roiPool(
  input: Tensor,
  boxes: Regions,
  outputSize: number | readonly [number, number],
  { spatialScale = 1 }: RoiPoolOptions = {},
): Tensor {
  const [ph, pw] = check('roiPool', input, outputSize);
  const [n, c, h, w] = input.shape;
  const regions = regionsOf('roiPool', boxes, n);
  const values = dataSync(input) as Float32Array;
  const shape = [regions.length, c, ph, pw];
  const at = new BigInt64Array(regions.length * c * ph * pw);
  const inside = new Uint8Array(at.length);
  const edges = (low: number, high: number, cells: number, size: number): [number, number][] => {
    const start = roundAway(low * spatialScale);
    const bin = Math.max(roundAway(high * spatialScale) - start + 1, 1) / cells;
    const clip = (v: number): number => Math.min(Math.max(v + start, 0), size);
    return Array.from({ length: cells }, (_, i) => [clip(Math.floor(i * bin)), clip(Math.ceil((i + 1) * bin))]);
  };
  let k = 0;
  for (const { image, x1, y1, x2, y2 } of regions) {
    const rows = edges(y1, y2, ph, h);
    const columns = edges(x1, x2, pw, w);
    for (let channel = 0; channel < c; channel++) {
      const plane = (image * c + channel) * h * w;
      for (const [top, bottom] of rows)
        for (const [left, right] of columns) {
          let best = -1;
          for (let y = top; y < bottom; y++)
            for (let x = left; x < right; x++) {
              const p = plane + y * w + x;
              if (best < 0 || values[p] > values[best]) best = p;
            }
          at[k] = BigInt(Math.max(best, 0));
          inside[k++] = best >= 0 ? 1 : 0;
        }
    }
  }
  if (at.length === 0) return empty(shape, input.dtype);
  const best = reshape(indexSelect(reshape(input, [-1]), 0, fromTyped(at, [at.length])), shape);
  return mul(best, to(fromTyped(inside, shape), input.dtype));
}

/** Options of {@link roiAlign}. */
export interface RoiAlignOptions extends RoiPoolOptions {
  /** Samples along each side of a cell; 0 or less: as many as pixels lie in it. */
  samplingRatio?: number;
  /** Shift by half a pixel, so that pixels are seen as points in the middle of their squares. */
  aligned?: boolean;
}

/** Two pixels of a row or column with their weights; `null` outside the map. */
type Tap = readonly [index: number, weight: number][];

function tapsAt(position: number, size: number): Tap | null {
  if (position < -1 || position > size) return null;
  const v = Math.max(position, 0);
  const low = Math.floor(v);
  if (low >= size - 1) return [[size - 1, 1]];
  return [
    [low, 1 - (v - low)],
    [low + 1, v - low],
  ];
}

/** For each cell along one side: the pixels that it averages over, each once with the sum of its weights. */
function cellTaps(
  start: number,
  length: number,
  cells: number,
  size: number,
  samplingRatio: number,
): { taps: Map<number, number>[]; samples: number } {
  const bin = length / cells;
  const samples = samplingRatio > 0 ? samplingRatio : Math.ceil(length / cells);
  const taps = Array.from({ length: cells }, (_, i) => {
    const sums = new Map<number, number>();
    for (let s = 0; s < samples; s++)
      for (const [p, weight] of tapsAt(start + i * bin + ((s + 0.5) * bin) / samples, size) ?? []) sums.set(p, (sums.get(p) ?? 0) + weight);
    return sums;
  });
  return { taps, samples };
}

/**
 * Mean of bilinear samples in each cell of a grid laid over each box: input [N, C, H, W] -> [K, C, PH, PW]. Nothing is rounded, so the
 * result moves smoothly with the boxes; samples outside the map count as 0.
 */
export function roiAlign(
  input: Tensor,
  boxes: Regions,
  outputSize: number | readonly [number, number],
  { spatialScale = 1, samplingRatio = -1, aligned = false }: RoiAlignOptions = {},
): Tensor {
  const [ph, pw] = check('roiAlign', input, outputSize);
  const [n, c, h, w] = input.shape;
  const regions = regionsOf('roiAlign', boxes, n);
  const cells = regions.length * ph * pw;
  if (cells === 0) return empty([regions.length, c, ph, pw], input.dtype);
  const shift = aligned ? 0.5 : 0;
  // Every cell is a weighted sum of pixels; the weights are products of those along both sides.
  const lists: [pixel: number, weight: number][][] = [];
  for (const { image, x1, y1, x2, y2 } of regions) {
    const side = (low: number, high: number): [number, number] => {
      const start = low * spatialScale - shift;
      const length = high * spatialScale - shift - start;
      return [start, aligned ? length : Math.max(length, 1)];
    };
    const down = cellTaps(...side(y1, y2), ph, h, samplingRatio);
    const across = cellTaps(...side(x1, x2), pw, w, samplingRatio);
    const count = Math.max(down.samples * across.samples, 1);
    for (const row of down.taps)
      for (const column of across.taps) {
        const list: [number, number][] = [];
        for (const [y, wy] of row) for (const [x, wx] of column) list.push([(image * h + y) * w + x, (wy * wx) / count]);
        lists.push(list);
      }
  }
  // Pixels as rows of channels: a gather copies whole rows, and one pass adds the k-th pixel of every cell.
  const pixels = reshape(contiguous(permute(input, [0, 2, 3, 1])), [n * h * w, c]);
  const most = lists.reduce((m, l) => Math.max(m, l.length), 1);
  let total: Tensor | null = null;
  for (let k = 0; k < most; k++) {
    const at = new BigInt64Array(cells);
    const weight = new Float64Array(cells);
    lists.forEach((list, i) => {
      if (k >= list.length) return;
      at[i] = BigInt(list[k][0]);
      weight[i] = list[k][1];
    });
    const part = mul(indexSelect(pixels, 0, fromTyped(at, [cells])), to(fromTyped(weight, [cells, 1]), input.dtype));
    total = total === null ? part : add(total, part);
  }
  return contiguous(permute(reshape(total as unknown as Tensor, [regions.length, ph, pw, c]), [0, 3, 1, 2]));
}
