// Schedules beside what the golden cases say: restoring, resuming, fractions of epochs, wrong arguments.
import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { Adam, lrScheduler as S, SGD } from '../../src/optim/index.ts';

const sgd = (...lrs: number[]): SGD =>
  new SGD(
    lrs.map((lr) => ({ params: [ft.ones([1], { requiresGrad: true })], lr })),
    { momentum: 0.9 },
  );
type Opt = ReturnType<typeof sgd>;
const schedules: [string, (o: Opt) => S.LRScheduler | S.SequentialLR | S.ChainedScheduler][] = [
  ['LambdaLR', (o) => new S.LambdaLR(o, (e) => 1 / (1 + e))],
  ['MultiplicativeLR', (o) => new S.MultiplicativeLR(o, () => 0.9)],
  ['StepLR', (o) => new S.StepLR(o, 3)],
  ['MultiStepLR', (o) => new S.MultiStepLR(o, [2, 7])],
  ['ExponentialLR', (o) => new S.ExponentialLR(o, 0.9)],
  ['ConstantLR', (o) => new S.ConstantLR(o)],
  ['LinearLR', (o) => new S.LinearLR(o)],
  ['PolynomialLR', (o) => new S.PolynomialLR(o, { totalIters: 8, power: 2 })],
  ['CosineAnnealingLR', (o) => new S.CosineAnnealingLR(o, 4)],
  ['CosineAnnealingWarmRestarts', (o) => new S.CosineAnnealingWarmRestarts(o, 3, { tMult: 2 })],
  ['CyclicLR', (o) => new S.CyclicLR(o, 0.01, 0.1, { stepSizeUp: 3, mode: 'exp_range', gamma: 0.9 })],
  ['OneCycleLR', (o) => new S.OneCycleLR(o, 0.5, { totalSteps: 20 })],
  ['SequentialLR', (o) => new S.SequentialLR(o, [new S.LinearLR(o), new S.ExponentialLR(o, 0.8)], [4])],
  ['ChainedScheduler', (o) => new S.ChainedScheduler([new S.LinearLR(o), new S.ExponentialLR(o, 0.8)])],
];

describe.each(schedules)('%s', (_, make) => {
  test('goes on exactly after its state went through JSON', () => {
    const a = sgd(0.1, 0.2);
    const sa = make(a);
    for (let i = 0; i < 6; i++) sa.step();
    const [optimizerState, state] = JSON.parse(JSON.stringify([a.stateDict(), sa.stateDict()]));
    const b = sgd(0.5, 0.5);
    const sb = make(b);
    b.loadStateDict(optimizerState);
    sb.loadStateDict(state);
    for (let i = 0; i < 6; i++) {
      sa.step();
      sb.step();
      expect(b.paramGroups.map((g) => [g.lr, g.momentum])).toEqual(a.paramGroups.map((g) => [g.lr, g.momentum]));
    }
    expect(sb.getLastLr()).toEqual(b.paramGroups.map((g) => g.lr));
  });

  test('the state of another schedule is a ValueError', () => {
    expect(() => make(sgd(0.1)).loadStateDict({ nothing: 1 })).toThrow(ft.ValueError);
  });
});

test('lastEpoch goes on where the groups have an initialLr, else ValueError', () => {
  const opt = sgd(0.1);
  expect(() => new S.StepLR(opt, 2, { lastEpoch: 3 })).toThrow(/initialLr/);
  const first = new S.ExponentialLR(opt, 0.5);
  first.step();
  new S.ExponentialLR(opt, 0.5, { lastEpoch: 1 });
  expect(opt.paramGroups[0].lr).toBeCloseTo(0.1 * 0.5 ** 2, 12);
});

test('CosineAnnealingWarmRestarts: step takes an epoch with a fraction', () => {
  const opt = sgd(1);
  const s = new S.CosineAnnealingWarmRestarts(opt, 4);
  s.step(5.5);
  expect(opt.paramGroups[0].lr).toBeCloseTo((1 + Math.cos((Math.PI * 1.5) / 4)) / 2, 12);
  expect(() => s.step(-1)).toThrow(ft.ValueError);
});

test('ReduceLROnPlateau: state restores, the measure must be a number', () => {
  const make = (): [SGD, S.ReduceLROnPlateau] => {
    const o = sgd(1);
    return [o, new S.ReduceLROnPlateau(o, { patience: 1, factor: 0.5 })];
  };
  const [a, sa] = make();
  for (const m of [3, 3, 3]) sa.step(m);
  expect(a.paramGroups[0].lr).toBe(0.5);
  sa.step(3);
  const [b, sb] = make();
  b.loadStateDict(a.stateDict());
  sb.loadStateDict(JSON.parse(JSON.stringify(sa.stateDict())));
  sb.step(3);
  expect(b.paramGroups[0].lr).toBe(0.25);
  expect(() => sb.step(ft.ones([]) as unknown as number)).toThrow(/number/);
});

test('Adam: cycles move betas[0]', () => {
  const opt = new Adam([ft.ones([1], { requiresGrad: true })]);
  new S.OneCycleLR(opt, 0.1, { totalSteps: 10 });
  expect(opt.paramGroups[0].betas).toEqual([0.95, 0.999]);
});

test('wrong arguments are ValueErrors that name them', () => {
  const o = sgd(0.1);
  expect(() => new S.StepLR(o, 0)).toThrow(/stepSize/);
  expect(() => new S.StepLR(undefined as unknown as SGD, 1)).toThrow(/optimizer/);
  expect(() => new S.LambdaLR(o, [(e) => e, (e) => e])).toThrow(/1 group/);
  expect(() => new S.LambdaLR(o, 3 as unknown as S.EpochFunction)).toThrow(/function/);
  expect(() => new S.ConstantLR(o, { factor: 2 })).toThrow(/factor/);
  expect(() => new S.LinearLR(o, { startFactor: 0 })).toThrow(/startFactor/);
  expect(() => new S.CyclicLR(o, 0.1, 1, { mode: 'saw' as 'triangular' })).toThrow(/triangular2/);
  expect(() => new S.OneCycleLR(o, 0.1)).toThrow(/totalSteps/);
  expect(() => new S.ReduceLROnPlateau(o, { factor: 1 })).toThrow(/factor/);
  expect(() => new S.SequentialLR(o, [new S.StepLR(o, 1)], [1])).toThrow(/milestones/);
  expect(() => new S.SequentialLR(o, [new S.StepLR(sgd(1), 1)], [])).toThrow(/another optimizer/);
  expect(() => new S.ChainedScheduler([])).toThrow(/no schedules/);
  const plain = new (class extends SGD {})([ft.ones([1], { requiresGrad: true })]);
  delete (plain.paramGroups[0] as { momentum?: number }).momentum;
  expect(() => new S.CyclicLR(plain, 0.1, 1)).toThrow(/cycleMomentum/);
});

test('OneCycleLR: more steps than the cycle has are a ValueError', () => {
  const s = new S.OneCycleLR(sgd(0.1), 0.1, { totalSteps: 3 });
  for (let i = 0; i < 3; i++) s.step();
  expect(() => s.step()).toThrow(/3 steps/);
});
