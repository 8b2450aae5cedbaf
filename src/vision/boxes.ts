// Boxes [..., 4] in pixels, (x1, y1, x2, y2) unless said otherwise: areas, overlaps, conversions, suppression of duplicates.
// The measures follow Rezatofighi et al., 2019 (generalized IoU) and Zheng et al., 2020 (distance and complete IoU).

import { noGrad } from '../autograd/mode.ts';
import { to } from '../ops/cast.ts';
import { fromTyped, tensor } from '../ops/create.ts';
import { add, atan, clamp, clampMin, div, ge, logicalAnd, maximum, minimum, mul, square, sub } from '../ops/elementwise.ts';
import { nonzero } from '../ops/indexing-masked.ts';
import { stack } from '../ops/join.ts';
import { dataSync } from '../ops/read.ts';
import { reshape, select, unsqueeze } from '../ops/view.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

export function checkBoxes(name: string, argument: string, boxes: Tensor, ndim?: number): void {
  if (boxes.ndim < 1 || boxes.shape[boxes.ndim - 1] !== 4 || (ndim !== undefined && boxes.ndim !== ndim))
    throw new ShapeError(
      `${name}: ${argument} is ${show(boxes.shape)}; expected ${ndim === 2 ? '[N, 4]' : '[..., 4]'}, one box (x1, y1, x2, y2) a row`,
    );
  if (boxes.dtype === 'bool') throw new DTypeError(`${name}: ${argument} is bool; boxes are numbers`);
}

/** The four coordinates of boxes [..., 4], each [...]. */
export const coordinates = (boxes: Tensor): [Tensor, Tensor, Tensor, Tensor] =>
  [0, 1, 2, 3].map((i) => select(boxes, -1, i)) as [Tensor, Tensor, Tensor, Tensor];

// Products of small integers would overflow.
const wide = (t: Tensor): Tensor => (isFloating(t.dtype) ? t : to(t, 'int64'));

/** Areas of boxes [..., 4] -> [...]. */
export function boxArea(boxes: Tensor): Tensor {
  checkBoxes('boxArea', 'boxes', boxes);
  const [x1, y1, x2, y2] = coordinates(wide(boxes));
  return mul(sub(x2, x1), sub(y2, y1));
}

/** Formats of {@link boxConvert}: corners, corner and size, or centre and size. */
export type BoxFormat = 'xyxy' | 'xywh' | 'cxcywh';

/** Boxes [..., 4] in another format. ValueError for an unknown one. */
export function boxConvert(boxes: Tensor, inFormat: BoxFormat, outFormat: BoxFormat): Tensor {
  checkBoxes('boxConvert', 'boxes', boxes);
  for (const f of [inFormat, outFormat])
    if (f !== 'xyxy' && f !== 'xywh' && f !== 'cxcywh')
      throw new ValueError(`boxConvert: the format '${String(f)}' is unknown; use xyxy, xywh or cxcywh`);
  if (inFormat === outFormat) return add(boxes, 0);
  let [a, b, c, d] = coordinates(boxes);
  if (inFormat === 'xywh') [c, d] = [add(a, c), add(b, d)];
  else if (inFormat === 'cxcywh') [a, b, c, d] = [sub(a, mul(c, 0.5)), sub(b, mul(d, 0.5)), add(a, mul(c, 0.5)), add(b, mul(d, 0.5))];
  if (outFormat === 'xywh') [c, d] = [sub(c, a), sub(d, b)];
  else if (outFormat === 'cxcywh') [a, b, c, d] = [div(add(a, c), 2), div(add(b, d), 2), sub(c, a), sub(d, b)];
  return stack([a, b, c, d], -1);
}

/** What the measures share, for boxes that broadcast: [..., N, 1, 4] with [..., M, 4]. */
interface Overlap {
  inter: Tensor;
  union: Tensor;
  iou: Tensor;
  /** The smallest box around both. */
  outer: { width: Tensor; height: Tensor };
}

function overlap(a: Tensor, b: Tensor): Overlap {
  const [ax1, ay1, ax2, ay2] = coordinates(a);
  const [bx1, by1, bx2, by2] = coordinates(b);
  const span = (low: Tensor, high: Tensor): Tensor => clampMin(wide(sub(high, low)), 0);
  const inter = mul(span(maximum(ax1, bx1), minimum(ax2, bx2)), span(maximum(ay1, by1), minimum(ay2, by2)));
  const union = sub(add(boxArea(a), boxArea(b)), inter);
  return {
    inter,
    union,
    iou: div(inter, union),
    outer: { width: span(minimum(ax1, bx1), maximum(ax2, bx2)), height: span(minimum(ay1, by1), maximum(ay2, by2)) },
  };
}

function pairs(name: string, boxes1: Tensor, boxes2: Tensor): [Tensor, Tensor] {
  checkBoxes(name, 'boxes1', boxes1);
  checkBoxes(name, 'boxes2', boxes2);
  if (boxes1.ndim < 2 || boxes2.ndim < 2)
    throw new ShapeError(`${name}: boxes1 is ${show(boxes1.shape)} and boxes2 ${show(boxes2.shape)}; expected [N, 4] and [M, 4]`);
  return [unsqueeze(boxes1, -2), unsqueeze(boxes2, -3)];
}

/** Intersection over union of every pair: [N, 4] and [M, 4] -> [N, M]. */
export const boxIou = (boxes1: Tensor, boxes2: Tensor): Tensor => overlap(...pairs('boxIou', boxes1, boxes2)).iou;

/** Generalized IoU of every pair: [N, 4] and [M, 4] -> [N, M] in (-1, 1]. */
export function generalizedBoxIou(boxes1: Tensor, boxes2: Tensor): Tensor {
  const { iou, union, outer } = overlap(...pairs('generalizedBoxIou', boxes1, boxes2));
  const area = mul(outer.width, outer.height);
  return sub(iou, div(sub(area, union), area));
}

/** Squared distance of the centres over the squared diagonal of the box around both. */
function centreDistance(a: Tensor, b: Tensor, outer: Overlap['outer'], eps: number): Tensor {
  const diagonal = add(add(square(outer.width), square(outer.height)), eps);
  const [ax1, ay1, ax2, ay2] = coordinates(a);
  const [bx1, by1, bx2, by2] = coordinates(b);
  const dx = sub(div(add(ax1, ax2), 2), div(add(bx1, bx2), 2));
  const dy = sub(div(add(ay1, ay2), 2), div(add(by1, by2), 2));
  return div(add(square(dx), square(dy)), diagonal);
}

/** α v of the complete IoU: how far the aspect ratios differ. α is a weight without gradient. */
function aspectTerm(a: Tensor, b: Tensor, iou: Tensor, eps: number): Tensor {
  const angle = (t: Tensor): Tensor => {
    const [x1, y1, x2, y2] = coordinates(t);
    return atan(div(sub(x2, x1), sub(y2, y1)));
  };
  const v = mul(square(sub(angle(a), angle(b))), 4 / Math.PI ** 2);
  const alpha = noGrad(() => div(v, add(add(sub(1, iou), v), eps)));
  return mul(alpha, v);
}

/** Distance IoU of every pair: [N, 4] and [M, 4] -> [N, M]. */
export function distanceBoxIou(boxes1: Tensor, boxes2: Tensor, { eps = 1e-7 }: { eps?: number } = {}): Tensor {
  const [a, b] = pairs('distanceBoxIou', boxes1, boxes2);
  const { iou, outer } = overlap(a, b);
  return sub(iou, centreDistance(a, b, outer, eps));
}

/** Complete IoU of every pair: [N, 4] and [M, 4] -> [N, M]. */
export function completeBoxIou(boxes1: Tensor, boxes2: Tensor, { eps = 1e-7 }: { eps?: number } = {}): Tensor {
  const [a, b] = pairs('completeBoxIou', boxes1, boxes2);
  const { iou, outer } = overlap(a, b);
  return sub(sub(iou, centreDistance(a, b, outer, eps)), aspectTerm(a, b, iou, eps));
}

/** Box by box what losses need: [..., 4] and [..., 4]. */
export function boxLossParts(
  name: string,
  boxes1: Tensor,
  boxes2: Tensor,
  eps: number,
): { iou: Tensor; union: Tensor; outer: Overlap['outer']; distance: () => Tensor; aspect: () => Tensor } {
  checkBoxes(name, 'boxes1', boxes1);
  checkBoxes(name, 'boxes2', boxes2);
  if (!isFloating(boxes1.dtype) || !isFloating(boxes2.dtype))
    throw new DTypeError(`${name}: boxes must be floating point, got ${boxes1.dtype} and ${boxes2.dtype}; cast with .to('float32')`);
  if (show(boxes1.shape) !== show(boxes2.shape))
    throw new ShapeError(`${name}: boxes1 is ${show(boxes1.shape)} and boxes2 ${show(boxes2.shape)}; they must have one shape`);
  const { inter, union, outer } = overlap(boxes1, boxes2);
  const iou = div(inter, add(union, eps));
  return {
    iou,
    union,
    outer,
    distance: () => centreDistance(boxes1, boxes2, outer, eps),
    aspect: () => aspectTerm(boxes1, boxes2, iou, eps),
  };
}

/** Boxes [..., 4] with coordinates moved into an image of `size` [height, width]. */
export function clipBoxesToImage(boxes: Tensor, size: readonly [number, number]): Tensor {
  checkBoxes('clipBoxesToImage', 'boxes', boxes);
  const [height, width] = size;
  const [x1, y1, x2, y2] = coordinates(boxes);
  const inside = (t: Tensor, max: number): Tensor => clamp(t, { min: 0, max });
  return stack([inside(x1, width), inside(y1, height), inside(x2, width), inside(y2, height)], -1);
}

/** Positions (int64) of the boxes [N, 4] whose sides are both at least `minSize` long. */
export function removeSmallBoxes(boxes: Tensor, minSize: number): Tensor {
  checkBoxes('removeSmallBoxes', 'boxes', boxes, 2);
  const [x1, y1, x2, y2] = coordinates(boxes);
  return reshape(nonzero(logicalAnd(ge(sub(x2, x1), minSize), ge(sub(y2, y1), minSize))), [-1]);
}

/** The boxes (float32 [N, 4]) around what is not 0 in masks [N, H, W], its outermost pixels included; zeros for an empty mask. */
export function masksToBoxes(masks: Tensor): Tensor {
  if (masks.ndim !== 3) throw new ShapeError(`masksToBoxes: masks is ${show(masks.shape)}; expected [N, H, W]`);
  const [n, h, w] = masks.shape;
  const data = dataSync(masks);
  const out = new Float32Array(n * 4);
  for (let i = 0; i < n; i++) {
    let [x1, y1, x2, y2] = [w, h, -1, -1];
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) {
        if (Number(data[(i * h + y) * w + x]) === 0) continue;
        x1 = Math.min(x1, x);
        x2 = Math.max(x2, x);
        y1 = Math.min(y1, y);
        y2 = y;
      }
    if (x2 >= 0) out.set([x1, y1, x2, y2], i * 4);
  }
  return fromTyped(out, [n, 4]);
}

function suppress(name: string, boxes: Tensor, scores: Tensor, threshold: number, groups: Tensor | null): Tensor {
  checkBoxes(name, 'boxes', boxes, 2);
  const n = boxes.shape[0];
  if (scores.ndim !== 1 || scores.shape[0] !== n)
    throw new ShapeError(`${name}: scores is ${show(scores.shape)}; one score for each of the ${n} boxes was expected, [${n}]`);
  if (groups !== null && (groups.ndim !== 1 || groups.shape[0] !== n))
    throw new ShapeError(`${name}: idxs is ${show(groups.shape)}; one class for each of the ${n} boxes was expected, [${n}]`);
  if (!(threshold >= 0)) throw new ValueError(`${name}: iouThreshold is ${threshold}; a number of at least 0 was expected`);
  const b = Float64Array.from(dataSync(boxes) as ArrayLike<number | bigint>, Number);
  const s = Float64Array.from(dataSync(scores) as ArrayLike<number | bigint>, Number);
  const g = groups === null ? null : Float64Array.from(dataSync(groups) as ArrayLike<number | bigint>, Number);
  // In the precision of the boxes, so that an overlap of exactly the threshold falls to the side where PyTorch sees it.
  const round = boxes.dtype === 'float32' ? Math.fround : (v: number): number => v;
  const area = Float64Array.from({ length: n }, (_, i) => round(round(b[4 * i + 2] - b[4 * i]) * round(b[4 * i + 3] - b[4 * i + 1])));
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => s[j] - s[i] || i - j);
  const gone = new Uint8Array(n);
  const kept: number[] = [];
  order.forEach((i, rank) => {
    if (gone[i]) return;
    kept.push(i);
    for (let r = rank + 1; r < n; r++) {
      const j = order[r];
      if (gone[j] || (g !== null && g[i] !== g[j])) continue;
      const w = Math.max(0, round(Math.min(b[4 * i + 2], b[4 * j + 2]) - Math.max(b[4 * i], b[4 * j])));
      const h = Math.max(0, round(Math.min(b[4 * i + 3], b[4 * j + 3]) - Math.max(b[4 * i + 1], b[4 * j + 1])));
      const inter = round(w * h);
      if (round(inter / round(round(area[i] + area[j]) - inter)) > threshold) gone[j] = 1;
    }
  });
  return tensor(kept, { dtype: 'int64' });
}

/** Non-maximum suppression: positions (int64) of the boxes [N, 4] kept, best score first; a box goes when its IoU with a better one exceeds the threshold. */
export const nms = (boxes: Tensor, scores: Tensor, iouThreshold: number): Tensor => suppress('nms', boxes, scores, iouThreshold, null);

/** As nms, within each class: boxes of different `idxs` [N] do not suppress one another. */
export const batchedNms = (boxes: Tensor, scores: Tensor, idxs: Tensor, iouThreshold: number): Tensor =>
  suppress('batchedNms', boxes, scores, iouThreshold, idxs);
