// The book's toolkit (sections 3.2 and 3.3): hyperparameters, the board, and the trio of Module, DataModule and Trainer.

import { describe, expect, test } from 'vitest';
import * as d2l from '../../src/d2l/index.ts';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import type { ProgressSink } from '../../src/plot/index.ts';

test('the names of sections 3.2 to 4.5 and 7.6 are on the face', () => {
  const names = [
    ...['addToClass', 'HyperParameters', 'ProgressBoard', 'Module', 'DataModule', 'Trainer', 'SyntheticRegressionData'],
    ...['LinearRegressionScratch', 'LinearRegression', 'SGD', 'FashionMNIST', 'showImages', 'Classifier', 'SoftmaxRegression'],
    ...['initCnn', 'LeNet', 'Timer', 'Accumulator', 'Animator', 'accuracy', 'cpu', 'gpu', 'numGpus', 'tryGpu', 'tryAllGpus'],
  ];
  expect(names.filter((name) => typeof (d2l as Record<string, unknown>)[name] !== 'function')).toEqual([]);
  const methods: [{ prototype: object }, string[]][] = [
    [d2l.HyperParameters, ['saveHyperparameters']],
    [d2l.ProgressBoard, ['draw', 'figure']],
    [d2l.Module, ['forward', 'plot', 'trainingStep', 'validationStep', 'configureOptimizers', 'applyInit', 'saveHyperparameters']],
    [d2l.DataModule, ['trainDataloader', 'valDataloader', 'getTensorloader', 'prepareData']],
    [d2l.Trainer, ['prepareData', 'prepareModel', 'prepareBatch', 'fit', 'fitEpoch', 'clipGradients']],
    [d2l.Classifier, ['validationStep', 'accuracy', 'loss', 'layerSummary']],
    [d2l.LinearRegressionScratch, ['forward', 'loss', 'configureOptimizers']],
    [d2l.LinearRegression, ['forward', 'loss', 'configureOptimizers', 'getWB']],
    [d2l.FashionMNIST, ['textLabels', 'getDataloader', 'visualize']],
    [d2l.SGD, ['step', 'zeroGrad']],
  ];
  for (const [type, list] of methods)
    expect(list.filter((name) => typeof (type.prototype as Record<string, unknown>)[name] !== 'function')).toEqual([]);
});

describe('HyperParameters and addToClass', () => {
  class B extends d2l.HyperParameters {
    declare a: number;
    declare b: number;
    constructor(options: { a: number; b: number; c: number; _secret?: number }) {
      super();
      this.saveHyperparameters(options, { ignore: ['c'] });
    }
  }

  test('entries become fields and hparams; ignored ones and those that begin with _ do not', () => {
    const b = new B({ a: 1, b: 2, c: 3, _secret: 4 });
    expect([b.a, b.b]).toEqual([1, 2]);
    expect(b.hparams).toEqual({ a: 1, b: 2 });
    expect('c' in b || '_secret' in b).toBe(false);
  });

  test('addToClass adds a method by its name or a given one; a function without a name is refused', () => {
    d2l.addToClass(B)(function sum(this: B) {
      return this.a + this.b;
    });
    d2l.addToClass(B)((factor: number) => factor * 2, 'twice');
    const b = new B({ a: 1, b: 2, c: 3 }) as B & { sum(): number; twice(x: number): number };
    expect([b.sum(), b.twice(4)]).toEqual([3, 8]);
    expect(() =>
      d2l.addToClass(B)(
        (
          () => () =>
            1
        )(),
      ),
    ).toThrow('has no name');
  });
});

describe('ProgressBoard', () => {
  test('draws the mean of every n values of a label', () => {
    const events: unknown[] = [];
    const board = new d2l.ProgressBoard({ xlabel: 'x', onPoint: (event) => events.push(event) });
    for (let x = 0; x < 5; x++) {
      board.draw(x, 10 * x, 'a', { everyN: 2 });
      board.draw(x, x, 'b');
    }
    expect(board.data.get('a')).toEqual([
      { x: 0.5, y: 5 },
      { x: 2.5, y: 25 },
    ]);
    expect(board.data.get('b')).toHaveLength(5);
    expect(events).toHaveLength(7);
    expect(board.draw(9, 9, 'b')).toEqual({ x: 9, y: 9 });
    expect(board.draw(9, 9, 'c', { everyN: 2 })).toBeUndefined();
    expect(() => board.draw(0, 0, 'b', { everyN: 0 })).toThrow('everyN is 0');
  });

  test('display: false keeps the curves and hands on nothing', () => {
    let calls = 0;
    const board = new d2l.ProgressBoard({ display: false, onPoint: () => calls++ });
    board.draw(0, 1, 'a');
    expect([calls, board.data.get('a')?.length]).toEqual([0, 1]);
  });

  test('the figure has the labels, limits, scales, size, line styles and colours of the options', async () => {
    const board = new d2l.ProgressBoard({
      ...{ xlabel: 'time', ylabel: 'size', xlim: [0, 10], ylim: [0.1, 100], yscale: 'log', figsize: [5, 3] },
      ...{ ls: ['-', '--'], colors: ['C2', 'C4'] },
    });
    for (let x = 1; x < 10; x++) {
      board.draw(x, x, 'up');
      board.draw(x, 10 / x, 'down');
    }
    const figure = board.figure();
    expect([figure.width, figure.height]).toEqual([480, 288]);
    const spec = JSON.stringify(figure.toVegaLite());
    for (const part of ['"time"', '"size"', '[0,10]', '[0.1,100]', '"log"', '#12805c', '#6a51a3', '[7,4]']) expect(spec).toContain(part);
    expect(await figure.toSVG()).toContain('<svg');
  });
});

/** y = 2x; counts what happens to it. */
class Line extends d2l.Module {
  w = ft.tensor([[1]], { dtype: 'float32', requiresGrad: true });
  calls: string[] = [];
  constructor(options: d2l.ModuleOptions & { lr?: number } = {}) {
    super(options);
    this.lr = options.lr ?? 0.1;
  }
  override forward(x: ft.Tensor): ft.Tensor {
    return x.matmul(this.w);
  }
  loss(yHat: ft.Tensor, y: ft.Tensor): ft.Tensor {
    return yHat.sub(y).square().mean();
  }
  override trainingStep(batch: d2l.Batch): ft.Tensor {
    this.calls.push(`train ${this.training} ${ft.isGradEnabled()}`);
    return super.trainingStep(batch);
  }
  override validationStep(batch: d2l.Batch): void {
    this.calls.push(`val ${this.training} ${ft.isGradEnabled()}`);
    super.validationStep(batch);
  }
  override configureOptimizers(): d2l.OptimizerLike {
    return new d2l.SGD([this.w], this.lr);
  }
}

class Pairs extends d2l.DataModule {
  x = ft.tensor([[1], [2], [3], [4], [5], [6]], { dtype: 'float32' });
  constructor() {
    super({ batchSize: 2 });
  }
  getDataloader(train: boolean): d2l.BatchLoader {
    return this.getTensorloader([this.x, this.x.mul(2)], train, { indices: train ? '0:4' : [4, 5] });
  }
}

describe('DataModule', () => {
  test('has the defaults of the book and two loaders', async () => {
    const data = new Pairs();
    expect([data.root, data.numWorkers]).toEqual(['../data', 4]);
    expect([data.trainDataloader().length, data.valDataloader().length]).toEqual([2, 1]);
    const [x, y] = await data.valDataloader().first();
    expect([x.toArraySync(), y.toArraySync()]).toEqual([
      [[5], [6]],
      [[10], [12]],
    ]);
  });

  test('getTensorloader shuffles for training only, and takes slices, lists and index tensors', async () => {
    const data = new Pairs();
    data.batchSize = 1000;
    const all = ft.arange(0, 100);
    const first = async (train: boolean, indices?: ft.Tensor | { start: number }): Promise<number[]> =>
      (await data.getTensorloader([all], train, indices === undefined ? {} : { indices }).first())[0].numbersSync();
    const order = Array.from({ length: 100 }, (_, i) => i);
    expect(await first(false)).toEqual(order);
    const shuffled = await first(true);
    expect(shuffled).not.toEqual(order);
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(order);
    expect(await first(false, ft.tensor([7, 3]))).toEqual([7, 3]);
    expect(await first(false, { start: 97 })).toEqual([97, 98, 99]);
  });
});

describe('Trainer', () => {
  test('per epoch: training steps in training mode, validation steps in evaluation mode without gradients', async () => {
    const [model, data] = [new Line(), new Pairs()];
    const trainer = new d2l.Trainer({ maxEpochs: 2 });
    await trainer.fit(model, data);
    const epoch = ['train true true', 'train true true', 'val false false'];
    expect(model.calls).toEqual([...epoch, ...epoch]);
    expect(model.training).toBe(true);
    expect([trainer.epoch, trainer.trainBatchIdx, trainer.valBatchIdx, trainer.numTrainBatches, trainer.numValBatches]).toEqual([
      2, 4, 2, 2, 1,
    ]);
    expect(trainer.history.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(model.trainer).toBe(trainer);
    expect(model.board.xlim).toEqual([0, 2]);
  });

  test('curves: train_loss twice an epoch at batch/numBatches, val_loss once at the next whole number', async () => {
    const model = new Line();
    await new d2l.Trainer({ maxEpochs: 2 }).fit(model, new Pairs());
    expect(model.board.data.get('train_loss')?.map(({ x }) => x)).toEqual([0, 0.5, 1, 1.5]);
    expect(model.board.data.get('val_loss')?.map(({ x }) => x)).toEqual([1, 2]);
    const once = new Line({ plotTrainPerEpoch: 1 });
    await new d2l.Trainer({ maxEpochs: 1 }).fit(once, new Pairs());
    expect(once.board.data.get('train_loss')?.map(({ x }) => x)).toEqual([0.25]);
  });

  test('learns: the slope of y = 2x', async () => {
    const model = new Line({ lr: 0.02 });
    await new d2l.Trainer({ maxEpochs: 20 }).fit(model, new Pairs());
    expect(model.w.itemSync()).toBeCloseTo(2, 3);
  });

  test('a sink hears every step, every point and every epoch, also when the model is trained a second time', async () => {
    const heard: string[] = [];
    const sink = { step: () => heard.push('step'), point: () => heard.push('point'), epoch: () => heard.push('epoch') };
    const model = new Line();
    await new d2l.Trainer({ maxEpochs: 1 }).fit(model, new Pairs());
    await new d2l.Trainer({ maxEpochs: 1, progress: sink as unknown as ProgressSink }).fit(model, new Pairs());
    expect(heard).toEqual(['point', 'step', 'point', 'step', 'point', 'epoch']);
  });

  test('a signal stops it after the current step', async () => {
    const control = new AbortController();
    const model = new Line();
    const steps: number[] = [];
    const step = (event: { step: number }): void => {
      steps.push(event.step);
      control.abort();
    };
    const sink = { step, point: () => 0, epoch: () => 0 };
    const trainer = new d2l.Trainer({ maxEpochs: 5, signal: control.signal, progress: sink as unknown as ProgressSink });
    await trainer.fit(model, new Pairs());
    expect([steps, trainer.history]).toEqual([[1], []]);
  });

  test('gradientClipVal bounds the common norm of all gradients', async () => {
    class Net extends Line {
      override net = new nn.Linear(1, 1);
      override forward(x: ft.Tensor): ft.Tensor {
        return this.net(x);
      }
      override configureOptimizers(): d2l.OptimizerLike {
        return new d2l.SGD(this.net.parameters(), 1);
      }
    }
    const norm = (m: Net): number => Math.hypot(...m.net.parameters().map((p) => (p.grad as ft.Tensor).itemSync()));
    const model = new Net();
    const trainer = new d2l.Trainer({ maxEpochs: 1, gradientClipVal: 0.5 });
    trainer.prepareModel(model);
    model
      .forward(ft.tensor([[10]], { dtype: 'float32' }))
      .square()
      .sum()
      .backward();
    const before = norm(model);
    const [g] = model.net.parameters().map((p) => (p.grad as ft.Tensor).itemSync());
    trainer.clipGradients(trainer.gradientClipVal, model);
    expect(before).toBeGreaterThan(0.5);
    expect(norm(model)).toBeCloseTo(0.5, 4);
    expect((model.net.weight.grad as ft.Tensor).itemSync()).toBeCloseTo((0.5 * g) / before, 4);
    trainer.clipGradients(100, model);
    expect(norm(model)).toBeCloseTo(0.5, 4);
  });

  test('a loss that is no finite number ends training with a DivergenceError that says what to do', async () => {
    const model = new Line({ lr: 1e30 });
    await expect(new d2l.Trainer({ maxEpochs: 9 }).fit(model, new Pairs())).rejects.toThrow(
      /^training: the loss is (NaN|Infinity) at step \d+ \(epoch \d\); use a smaller learning rate/,
    );
    class Silent extends Line {
      override trainingStep(batch: d2l.Batch): ft.Tensor {
        return this.loss(this.forward(batch[0]), batch[1]).mul(Number.NaN);
      }
    }
    await expect(new d2l.Trainer({ maxEpochs: 1 }).fit(new Silent(), new Pairs())).rejects.toThrow(d2l.DivergenceError);
  });

  test('asks for at most the accelerators that are there, and refuses nonsense', () => {
    const trainer = new d2l.Trainer({ maxEpochs: 1, numGpus: 1 });
    expect([trainer.gpus.length, trainer.hparams]).toEqual([Math.min(1, d2l.numGpus()), { maxEpochs: 1, numGpus: 1, gradientClipVal: 0 }]);
    expect(() => new d2l.Trainer({ maxEpochs: 0 })).toThrow('maxEpochs 0');
    expect(() => new d2l.Trainer({ maxEpochs: 1, numGpus: -1 })).toThrow('numGpus -1');
    expect(() => new d2l.Trainer({ maxEpochs: 1, gradientClipVal: Number.NaN })).toThrow('gradientClipVal NaN');
  });
});

describe('Module', () => {
  test('without net and forward, or plotting without a trainer, it says what is missing', () => {
    class Empty extends d2l.Module {
      loss(yHat: ft.Tensor): ft.Tensor {
        return yHat;
      }
    }
    const model = new Empty();
    expect(() => model.forward(ft.ones([1]))).toThrow('Empty: define net, or override forward');
    expect(() => model.plot('loss', ft.tensor(1), { train: true })).toThrow('Empty.plot: the model has no trainer yet');
  });

  test('saveHyperparameters leaves the model callable and sets lr for the default optimizer', () => {
    class Net extends d2l.Module {
      constructor(options: { lr: number }) {
        super();
        this.saveHyperparameters(options);
        this.net = new nn.Linear(1, 1, { bias: false });
      }
      loss(yHat: ft.Tensor): ft.Tensor {
        return yHat.sum();
      }
    }
    const model = new Net({ lr: 0.5 });
    const weight = (model.net as nn.Linear).weight;
    const before = weight.itemSync();
    const optimizer = model.configureOptimizers();
    model.loss(model(ft.ones([1, 1]))).backward();
    optimizer.step();
    expect(weight.itemSync()).toBeCloseTo(before - 0.5, 6);
    expect(model.hparams).toEqual({ lr: 0.5 });
  });
});
