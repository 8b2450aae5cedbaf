// Losses: facts beside single values, and CTC against an enumeration of all alignments.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import { checkGradients } from '../ops/gradients.ts';

const F = nn.functional;
const random = (...shape: number[]): ft.Tensor => ft.randn(shape, { dtype: 'float64' });

/** -log of the summed probability of all paths that collapse to the labels. */
function enumerate(logProbs: number[][], labels: number[], blank: number): number {
  const classes = logProbs[0].length;
  let total = 0;
  for (let code = 0; code < classes ** logProbs.length; code++) {
    let rest = code;
    let score = 0;
    const path = logProbs.map((row) => {
      const c = rest % classes;
      rest = Math.floor(rest / classes);
      score += row[c];
      return c;
    });
    const collapsed = path.filter((c, i) => c !== blank && c !== path[i - 1]);
    if (collapsed.length === labels.length && collapsed.every((c, i) => c === labels[i])) total += Math.exp(score);
  }
  return -Math.log(total);
}

describe('ctcLoss', () => {
  test('is the sum over all alignments, with repeated labels and any blank', () => {
    ft.manualSeed(0);
    const logits = random(5, 2, 3);
    const lp = ft.logSoftmax(logits, 2);
    for (const [blank, targets] of [
      [
        0,
        [
          [1, 1],
          [2, 1],
        ],
      ],
      [
        2,
        [
          [0, 1],
          [1, 1],
        ],
      ],
    ] as const) {
      const loss = F.ctcLoss(lp, ft.tensor(targets as unknown as number[][]), [5, 4], [2, 2], { blank, reduction: 'none' });
      const rows = (n: number, T: number): number[][] => (lp.select(1, n).toArraySync() as number[][]).slice(0, T);
      const want = [enumerate(rows(0, 5), [...targets[0]], blank), enumerate(rows(1, 4), [...targets[1]], blank)];
      loss.numbersSync().forEach((v, i) => expect(v).toBeCloseTo(want[i], 10));
    }
  });

  test('its gradient through logSoftmax agrees with differences; empty targets and short inputs count', () => {
    ft.manualSeed(1);
    const targets = ft.tensor([1, 2, 2]);
    checkGradients(
      (x) => F.ctcLoss(ft.logSoftmax(x, 2), targets, [4, 3, 2], [1, 0, 2], { reduction: 'sum', zeroInfinity: true }),
      [random(4, 3, 3)],
    );
  });

  test('impossible targets cost infinity, or nothing with zeroInfinity; wrong lengths and classes are errors', () => {
    const lp = ft.logSoftmax(random(2, 1, 3), 2);
    const target = ft.tensor([[1, 1]]);
    expect(F.ctcLoss(lp, target, [2], [2]).itemSync()).toBe(Number.POSITIVE_INFINITY);
    expect(F.ctcLoss(lp, target, [2], [2], { zeroInfinity: true }).itemSync()).toBe(0);
    expect(() => F.ctcLoss(lp, target, [3], [2])).toThrow(ft.ValueError);
    expect(() => F.ctcLoss(lp, ft.tensor([[1, 3]]), [2], [2])).toThrow(ft.IndexError);
    expect(() => F.ctcLoss(lp, target, [2, 2], [2])).toThrow(ft.ShapeError);
  });

  test('second derivatives are refused, first ones with createGraph are not', () => {
    const x = random(3, 1, 3).requiresGrad_();
    const [g] = ft.grad(F.ctcLoss(ft.logSoftmax(x, 2), ft.tensor([[1]]), [3], [1]), x, { createGraph: true });
    expect(() => (g as ft.Tensor).square().sum().backward()).toThrow(/second derivatives/);
  });
});

describe('classes', () => {
  test('an ignored target costs nothing, not even where its log-probability is -∞', () => {
    const lp = ft
      .tensor(
        [
          [Number.NEGATIVE_INFINITY, 0],
          [-1, -0.5],
        ],
        { dtype: 'float64' },
      )
      .requiresGrad_();
    const loss = F.nllLoss(lp, ft.tensor([0, 1]), { ignoreIndex: 0 });
    expect(loss.itemSync()).toBe(0.5);
    loss.backward();
    expect(lp.grad?.numbersSync()).toEqual([0, 0, 0, -1]);
  });

  test('targets that are no class are IndexErrors, negative ones too', () => {
    const x = random(2, 3);
    for (const bad of [3, -1]) {
      expect(() => F.nllLoss(x, ft.tensor([0, bad]))).toThrow(ft.IndexError);
      expect(() => F.crossEntropy(x, ft.tensor([0, bad]))).toThrow(ft.IndexError);
      expect(() => F.multiMarginLoss(x, ft.tensor([0, bad]))).toThrow(ft.IndexError);
    }
  });

  test('crossEntropy: gradients with createGraph are those of the fused backward', () => {
    ft.manualSeed(2);
    const target = ft.tensor([
      [0, 2, -100],
      [1, 1, 2],
    ]);
    const weight = ft.tensor([0.5, 2, 1.5], { dtype: 'float64' });
    for (const reduction of ['mean', 'sum', 'none'] as const)
      for (const labelSmoothing of [0, 0.2]) {
        const x = random(2, 3, 3).requiresGrad_();
        const loss = (): ft.Tensor => F.crossEntropy(x, target, { weight, labelSmoothing, reduction }).square().sum();
        const [fused] = ft.grad(loss(), x);
        const [composed] = ft.grad(loss(), x, { createGraph: true });
        expect(
          Math.max(
            ...(fused as ft.Tensor)
              .sub(composed as ft.Tensor)
              .abs()
              .numbersSync(),
          ),
        ).toBeLessThan(1e-10);
      }
  });

  test('crossEntropy with one-hot probabilities is crossEntropy with classes', () => {
    const x = random(4, 3);
    const y = ft.tensor([0, 2, 1, 1]);
    const soft = ft.oneHot(y, { numClasses: 3 }).double();
    expect(F.crossEntropy(x, soft, { labelSmoothing: 0.1 }).itemSync()).toBeCloseTo(
      F.crossEntropy(x, y, { labelSmoothing: 0.1 }).itemSync(),
      12,
    );
  });
});

test("a distance of one's own makes the triplet loss", () => {
  const [a, p, n] = [random(3, 4), random(3, 4), random(3, 4)];
  const own = F.tripletMarginWithDistanceLoss(a, p, n, { distanceFunction: (x, y) => F.pairwiseDistance(x, y), swap: true });
  expect(own.itemSync()).toBeCloseTo(F.tripletMarginLoss(a, p, n, { swap: true }).itemSync(), 9);
  const l1 = new nn.TripletMarginWithDistanceLoss({ distanceFunction: (x, y) => x.sub(y).abs().sum(1), margin: 0.5 });
  expect(l1(a, p, n).shape).toEqual([]);
});

test('unknown reductions are refused when a loss is made', () => {
  expect(() => new nn.MSELoss({ reduction: 'avg' as 'mean' })).toThrow(ft.ValueError);
  expect(() => new nn.CTCLoss({ reduction: 'avg' as 'mean' })).toThrow(/'mean', 'sum' or 'none'/);
});
