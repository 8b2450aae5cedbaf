// Transforms: what the conformance cases do not cover: chance, repeatability, errors, gradients, composition.

import { beforeEach, describe, expect, it } from 'vitest';
import {
  arange,
  DTypeError,
  Generator,
  manualSeed,
  rand,
  randint,
  ShapeError,
  type Tensor,
  tensor,
  ValueError,
  zeros,
} from '../../src/index.ts';
import * as v from '../../src/vision/index.ts';

const image = (): Tensor => randint(0, 256, [3, 12, 16], { dtype: 'uint8' });
beforeEach(() => {
  manualSeed(3);
});

describe('functions', () => {
  it('crop beyond the image gives zeros there', () => {
    const x = arange(1, 5).reshape([1, 2, 2]).to('uint8');
    expect(v.crop(x, -1, 1, 3, 3).toArraySync()).toEqual([
      [
        [0, 0, 0],
        [2, 0, 0],
        [4, 0, 0],
      ],
    ]);
    expect(v.crop(x, 5, 5, 2, 2).toArraySync()).toEqual([
      [
        [0, 0],
        [0, 0],
      ],
    ]);
  });

  it('symmetric padding repeats the mirrored image as often as needed', () => {
    const x = tensor([[[1, 2]]], { dtype: 'uint8' });
    expect(v.pad(x, [5, 0], { paddingMode: 'symmetric' }).numbersSync()).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2]);
  });

  it('rotating by 360 degrees, and about any centre by 0, changes nothing', () => {
    const x = image();
    for (const interpolation of ['nearest', 'bilinear'] as const) {
      expect(v.rotate(x, 360, { interpolation }).equal(x)).toBe(true);
      expect(v.rotate(x, 0, { interpolation, center: [2, 3] }).equal(x)).toBe(true);
    }
    expect(v.rotate(x, 90, { expand: true }).shape).toEqual([3, 16, 12]);
    expect(v.rotate(x, 90, { expand: true }).equal(x.rot90({ dims: [1, 2] }))).toBe(true);
  });

  it('fill goes where nothing of the image is, one value or one a channel', () => {
    const x = image();
    expect(v.rotate(x, 45, { fill: 7 }).select(1, 0).select(1, 0).numbersSync()).toEqual([7, 7, 7]);
    expect(
      v
        .affine(x, 0, [20, 0], 1, 0, { fill: [1, 2, 3], interpolation: 'bilinear' })
        .select(1, 5)
        .select(1, 5)
        .numbersSync(),
    ).toEqual([1, 2, 3]);
    expect(() => v.rotate(x, 1, { fill: [1, 2] })).toThrow(ValueError);
  });

  it('gradients reach float images', () => {
    for (const f of [
      (x: Tensor): Tensor => v.resize(x, [5, 4]),
      (x: Tensor): Tensor => v.rotate(x, 30, { interpolation: 'bilinear' }),
      (x: Tensor): Tensor => v.gaussianBlur(x, 3),
      (x: Tensor): Tensor => v.adjustHue(x, 0.2),
      (x: Tensor): Tensor => v.erase(x, 0, 0, 2, 2, 0),
    ]) {
      const x = rand([3, 8, 9], { requiresGrad: true });
      f(x).sum().backward();
      expect(x.grad?.abs().sum().itemSync()).toBeGreaterThan(1);
    }
  });

  it('resize: the longer side can be limited, and cubic bytes do not wrap', () => {
    expect(v.resize(zeros([3, 10, 40]), 10, { maxSize: 20 }).shape).toEqual([3, 5, 20]);
    expect(() => v.resize(zeros([3, 10, 40]), 10, { maxSize: 5 })).toThrow(ValueError);
    const edge = tensor([[0, 0, 0, 255, 255, 255]], { dtype: 'uint8' });
    const cubic = v.resize(edge, [1, 12], { interpolation: 'bicubic' }).numbersSync();
    expect(cubic.slice(0, 4).every((b) => b < 20) && cubic.slice(-4).every((b) => b > 235)).toBe(true);
  });

  it('errors name the argument and what was expected', () => {
    const x = image();
    expect(() => v.adjustHue(x, 0.7)).toThrow(/hueFactor is 0\.7; a number from -0\.5 to 0\.5/);
    expect(() => v.adjustBrightness(x, -1)).toThrow(ValueError);
    expect(() => v.rgbToGrayscale(zeros([2, 4, 4]))).toThrow(/2 channel\(s\); expected 1 or 3/);
    expect(() => v.posterize(zeros([3, 4, 4]), 3)).toThrow(DTypeError);
    expect(() => v.normalize(x, [0], [1])).toThrow(/uint8; make it floating point first/);
    expect(() => v.normalize(rand([3, 2, 2]), [0, 0, 0], [1, 0, 1])).toThrow(/std has a 0/);
    expect(() => v.normalize(rand([3, 2, 2]), [0, 0], [1, 1])).toThrow(ShapeError);
    expect(() => v.gaussianBlur(x, 4)).toThrow(/odd positive/);
    expect(() => v.hflip(zeros([3]))).toThrow(/expected \[\.\.\., H, W\]/);
    expect(() =>
      v.perspective(
        x,
        [
          [0, 0],
          [1, 1],
          [2, 2],
          [3, 3],
        ],
        [
          [0, 0],
          [1, 1],
          [2, 2],
          [3, 3],
        ],
      ),
    ).toThrow(/lie on a line/);
    expect(() => v.fiveCrop(x, 50)).toThrow(/larger than the image/);
    expect(() => v.erase(x, 10, 0, 5, 2, 0)).toThrow(/leave the image/);
  });
});

describe('transforms', () => {
  it('compose: the way of a data set, from bytes to a normalised batch', () => {
    const t = new v.Compose([
      new v.Resize(10),
      new v.CenterCrop(8),
      new v.ToTensor(),
      new v.Lambda((x) => x.mul(1)),
      new v.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    ]);
    const x = t(image());
    expect([x.shape, x.dtype]).toEqual([[3, 8, 8], 'float32']);
    expect(x.abs().max().itemSync()).toBeLessThanOrEqual(1);
    expect(String(t)).toContain('CenterCrop(8)');
    expect(() => new v.Compose([3 as unknown as v.ImageTransform])).toThrow(ValueError);
  });

  it('ToTensor and ToImage are inverse', () => {
    const x = image();
    expect(new v.ToImage()(new v.ToTensor()(x)).equal(x)).toBe(true);
    expect(new v.ToTensor()(zeros([4, 5], { dtype: 'uint8' })).shape).toEqual([1, 4, 5]);
    expect(() => new v.ToImage()(zeros([1], { dtype: 'int64' }))).toThrow(DTypeError);
  });

  it('the same seed gives the same changes, another seed others', () => {
    const x = image();
    const make = (generator: Generator): ((x: Tensor) => Tensor) => {
      const t = new v.Compose([
        new v.RandomResizedCrop(8, { generator }),
        new v.RandomHorizontalFlip({ generator }),
        new v.RandomVerticalFlip({ generator }),
        new v.ColorJitter({ brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.5, generator }),
        new v.RandomRotation(20, { generator }),
        new v.RandomAffine(10, { translate: [0.1, 0.1], scale: [0.9, 1.1], shear: 5, generator }),
        new v.RandomCrop(6, { padding: 1, generator }),
        new v.GaussianBlur(3, { generator }),
        new v.RandomGrayscale({ generator }),
        new v.ToTensor(),
        new v.RandomErasing({ p: 1, value: 'random', generator }),
      ]);
      return (y) => t(y);
    };
    const [a, b, c] = [make(new Generator(5)), make(new Generator(5)), make(new Generator(6))];
    const first = a(x);
    expect(first.shape).toEqual([3, 6, 6]);
    expect(b(x).equal(first)).toBe(true);
    expect(c(x).equal(first)).toBe(false);
    expect(a(x).equal(first)).toBe(false);
  });

  it('flips happen about as often as they should', () => {
    const x = tensor([[[0, 1]]], { dtype: 'uint8' });
    const flip = new v.RandomHorizontalFlip({ p: 0.25 });
    let n = 0;
    for (let i = 0; i < 2000; i++) n += flip(x).select(2, 0).itemSync();
    expect(Math.abs(n - 500)).toBeLessThan(80);
    expect(() => new v.RandomHorizontalFlip({ p: 2 })).toThrow(/RandomHorizontalFlip: p is 2/);
  });

  it('RandomCrop reaches every place, and getParams cuts image and mask alike', () => {
    const x = image();
    const places = new Set<string>();
    for (let i = 0; i < 300; i++) places.add(v.RandomCrop.getParams(x, [10, 14]).join());
    expect(places.size).toBe(9);
    const rect = v.RandomCrop.getParams(x, [4, 5]);
    expect(v.crop(x, ...rect).shape).toEqual([3, 4, 5]);
    expect(() => new v.RandomCrop(20)(x)).toThrow(/larger than the image \[12, 16\]/);
    expect(new v.RandomCrop(20, { padIfNeeded: true })(x).shape).toEqual([3, 20, 20]);
  });

  it('RandomResizedCrop keeps to scale and ratio', () => {
    const x = zeros([1, 100, 80]);
    for (let i = 0; i < 200; i++) {
      const [top, left, h, w] = v.RandomResizedCrop.getParams(x, [0.2, 0.5], [0.5, 2]);
      expect(top + h <= 100 && left + w <= 80 && top >= 0 && left >= 0).toBe(true);
      const share = (h * w) / 8000;
      expect(share > 0.18 && share < 0.53).toBe(true);
      expect(w / h > 0.45 && w / h < 2.2).toBe(true);
    }
  });
});

describe('boxes', () => {
  it('batchedNms: boxes of different classes do not suppress one another', () => {
    const boxes = tensor(
      [
        [0, 0, 10, 10],
        [0, 0, 10, 10],
        [0, 0, 10, 9],
      ],
      { dtype: 'float32' },
    );
    const scores = tensor([0.5, 0.9, 0.8]);
    expect(v.nms(boxes, scores, 0.5).numbersSync()).toEqual([1]);
    expect(v.batchedNms(boxes, scores, tensor([0, 1, 0]), 0.5).numbersSync()).toEqual([1, 2]);
    expect(v.nms(zeros([0, 4]), zeros([0]), 0.5).shape).toEqual([0]);
  });

  it('masksToBoxes: the outermost pixels of each mask, zeros for an empty one', () => {
    const masks = zeros([2, 5, 6]);
    masks.select(0, 0).slice(0, 1, 3).slice(1, 2, 5).fill_(1);
    expect(v.masksToBoxes(masks).toArraySync()).toEqual([
      [2, 1, 4, 2],
      [0, 0, 0, 0],
    ]);
  });

  it('regions: lists of boxes for each image are the same as boxes with image numbers', () => {
    const x = rand([2, 3, 8, 8]);
    const [a, b] = [
      tensor([[0.5, 1, 5, 6.2]]),
      tensor([
        [1, 1, 7.5, 4],
        [0, 0, 2, 2.5],
      ]),
    ];
    const joined = tensor([
      [0, 0.5, 1, 5, 6.2],
      [1, 1, 1, 7.5, 4],
      [1, 0, 0, 2, 2.5],
    ]);
    for (const f of [v.roiAlign, v.roiPool]) expect(f(x, [a, b], 2).equal(f(x, joined, 2))).toBe(true);
    expect(v.roiAlign(x, zeros([0, 5]), 2).shape).toEqual([0, 3, 2, 2]);
    expect(() => v.roiAlign(x, tensor([[2, 0, 0, 1, 1]]), 2)).toThrow(/names image 2; the input has 2/);
    expect(() => v.roiPool(x, [a], 2)).toThrow(ShapeError);
  });

  it('errors name the argument and what was expected', () => {
    expect(() => v.boxIou(zeros([2, 3]), zeros([2, 4]))).toThrow(/boxes1 is \[2, 3\]/);
    expect(() => v.nms(zeros([2, 4]), zeros([3]), 0.5)).toThrow(/scores is \[3\]/);
    expect(() => v.boxConvert(zeros([2, 4]), 'xyxy', 'yxyx' as v.BoxFormat)).toThrow(/use xyxy, xywh or cxcywh/);
    expect(() => v.sigmoidFocalLoss(zeros([2]), zeros([3]))).toThrow(ShapeError);
  });
});
