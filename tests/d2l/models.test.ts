// The book's first models and data (sections 3.3 to 4.5 and 7.6): synthetic regression, Fashion-MNIST, classifiers, small helpers.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as d2l from '../../src/d2l/index.ts';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';

const floats = (data: readonly unknown[]): ft.Tensor => ft.tensor(data as number[], { dtype: 'float32' });

describe('SyntheticRegressionData', () => {
  test('y = Xw + b + noise: 1000 + 1000 examples in batches of 32', async () => {
    const data = new d2l.SyntheticRegressionData({ w: floats([2, -3.4]), b: 4.2 });
    expect([data.X.shape, data.y.shape]).toEqual([
      [2000, 2],
      [2000, 1],
    ]);
    const [x, y] = await data.trainDataloader().first();
    expect([x.shape, y.shape, data.trainDataloader().length]).toEqual([[32, 2], [32, 1], 32]);
    const noise = data.y.sub(data.X.matmul(floats([[2], [-3.4]]))).sub(4.2);
    expect(Math.abs(noise.mean().itemSync())).toBeLessThan(0.002);
    expect(noise.square().mean().sqrt().itemSync()).toBeCloseTo(0.01, 2);
    const [xv] = await data.valDataloader().first();
    expect(xv.toArraySync()).toEqual(data.X.slice(0, 1000, 1032).toArraySync());
  });
});

describe('linear regression', () => {
  test('from scratch: normal weights, zero offset, half the squared error', () => {
    const model = new d2l.LinearRegressionScratch({ numInputs: 500, lr: 0.03 });
    expect([model.w.shape, model.b.shape, model.sigma, model.lr]).toEqual([[500, 1], [1], 0.01, 0.03]);
    expect(model.w.square().mean().sqrt().itemSync()).toBeCloseTo(0.01, 2);
    expect(model.b.itemSync()).toBe(0);
    expect(model.loss(floats([[1], [3]]), floats([[0], [0]])).itemSync()).toBe(2.5);
    expect(model(ft.ones([4, 500])).shape).toEqual([4, 1]);
    expect(model.configureOptimizers()).toBeInstanceOf(d2l.SGD);
  });

  test('concise: the lazy layer takes its inputs from the data, the loss is the whole squared error', () => {
    const model = new d2l.LinearRegression({ lr: 0.03 });
    expect(model(ft.ones([4, 3])).shape).toEqual([4, 1]);
    const [w, b] = model.getWB();
    expect([w.shape, b.shape, w.requiresGrad]).toEqual([[1, 3], [1], false]);
    expect(model.loss(floats([[1], [3]]), floats([[0], [0]])).itemSync()).toBe(5);
  });

  test('SGD: p - lr·grad; a parameter without a gradient stays; zeroGrad forgets', () => {
    const [p, q] = [floats([1, 2]).requiresGrad_(), floats([5]).requiresGrad_()];
    const sgd = new d2l.SGD([p, q], 0.1);
    p.mul(floats([10, 20]))
      .sum()
      .backward();
    sgd.step();
    expect(p.numbersSync()).toEqual([0, 0]);
    expect(q.itemSync()).toBe(5);
    sgd.zeroGrad();
    expect(p.grad).toBeNull();
  });
});

describe('FashionMNIST', () => {
  beforeAll(() => {
    vi.stubEnv('FATHOM_DATA', '');
    vi.stubEnv('FATHOM_CACHE', '/nonexistent/fathom-cache');
    vi.stubEnv('FATHOM_OFFLINE', '1');
  });
  afterAll(() => vi.unstubAllEnvs());

  test('batches are float32 [B, 1, H, W] in [0, 1] with int64 labels; sets, loaders and names are there', async () => {
    const notes: string[] = [];
    const data = new d2l.FashionMNIST({ resize: [32, 32], sizes: { train: 130, val: 20 }, onNote: (text) => notes.push(text) });
    expect(() => data.train).toThrow('await prepareData() first');
    await data.prepareData();
    expect([data.batchSize, data.source, notes.length]).toEqual([64, 'stand-in', 1]);
    expect([data.train.length, data.val.length, data.trainDataloader().length]).toEqual([130, 20, 3]);
    const [x, y] = await data.trainDataloader().first();
    expect([x.shape, x.dtype, y.shape, y.dtype]).toEqual([[64, 1, 32, 32], 'float32', [64], 'int64']);
    expect([x.amin().itemSync(), x.amax().itemSync()]).toEqual([0, expect.closeTo(1, 1)]);
    const [image, label] = await data.val.get(0);
    expect([image.shape, image.dtype, label.shape]).toEqual([[1, 32, 32], 'float32', []]);
    expect(data.textLabels([0, 9])).toEqual(['t-shirt', 'ankle boot']);
    expect(data.textLabels(ft.tensor([1]))).toEqual(['trouser']);
    expect(() => data.textLabels([10])).toThrow('there is no class 10');
    const figure = data.visualize(await data.valDataloader().first(), { nrows: 2, ncols: 3 });
    expect(figure.description).toMatch(/^6 images: /);
    expect(data.visualize([x, y], { ncols: 2, labels: ['one', 'two'] }).description).toBe('2 images: one, two');
  });

  test('allowStandIn: false makes missing data an error', async () => {
    await expect(new d2l.FashionMNIST({ allowStandIn: false }).prepareData()).rejects.toThrow('no copy found');
  });
});

describe('Classifier', () => {
  const model = new d2l.SoftmaxRegression({ numOutputs: 3, lr: 0.1 });
  const scores = floats([
    [0.1, 0.3, 0.6],
    [0.3, 0.2, 0.5],
  ]);

  test('accuracy: a mean, or one 0 or 1 a row; leading dimensions are flattened', () => {
    const y = ft.tensor([0, 2]);
    expect(model.accuracy(scores, y).itemSync()).toBe(0.5);
    expect(model.accuracy(scores, y, { averaged: false }).numbersSync()).toEqual([0, 1]);
    expect(model.accuracy(scores.reshape([1, 2, 3]), y.reshape([1, 2])).itemSync()).toBe(0.5);
  });

  test('loss: cross-entropy of logits, a mean or one value a row', () => {
    const each = model.loss(scores, ft.tensor([0, 2]), { averaged: false });
    const expected = [
      [0.1, 0.3, 0.6],
      [0.5, 0.3, 0.2],
    ].map(([own, ...rest]) => Math.log(Math.exp(own) + rest.reduce((s, v) => s + Math.exp(v), 0)) - own);
    each.numbersSync().forEach((v, i) => expect(v).toBeCloseTo(expected[i], 5));
    expect(model.loss(scores, ft.tensor([0, 2])).itemSync()).toBeCloseTo((expected[0] + expected[1]) / 2, 5);
  });

  test('SoftmaxRegression flattens: [B, ...] to [B, numOutputs]', () => {
    expect(model(ft.ones([5, 1, 2, 2])).shape).toEqual([5, 3]);
  });

  test('a validation step plots val_loss and val_acc', async () => {
    class Blobs extends d2l.DataModule {
      x = ft.randn([8, 4]);
      y = ft.randint(0, 3, [8]);
      getDataloader(train: boolean): d2l.BatchLoader {
        return this.getTensorloader([this.x, this.y], train);
      }
    }
    const fresh = new d2l.SoftmaxRegression({ numOutputs: 3, lr: 0.1 });
    fresh.applyInit([ft.ones([1, 4])]);
    await new d2l.Trainer({ maxEpochs: 1 }).fit(fresh, new Blobs());
    expect([...fresh.board.data.keys()]).toEqual(['train_loss', 'val_loss', 'val_acc']);
  });
});

describe('LeNet', () => {
  test('has the layers and shapes of the book; lazy layers are named after what they became', () => {
    const model = new d2l.LeNet();
    expect([model.lr, model.hparams]).toEqual([0.1, { lr: 0.1, numClasses: 10 }]);
    expect(model.layerSummary([1, 1, 28, 28]).map(({ layer, outputShape }) => `${layer} ${outputShape.slice(1).join('x')}`)).toEqual([
      ...['Conv2d 6x28x28', 'Sigmoid 6x28x28', 'AvgPool2d 6x14x14', 'Conv2d 16x10x10', 'Sigmoid 16x10x10', 'AvgPool2d 16x5x5'],
      ...['Flatten 400', 'Linear 120', 'Sigmoid 120', 'Linear 84', 'Sigmoid 84', 'Linear 10'],
    ]);
  });

  test('initCnn: Xavier-uniform weights of Linear and Conv2d', () => {
    const model = new d2l.LeNet({ numClasses: 3 });
    model.applyInit([ft.zeros([1, 1, 28, 28])], d2l.initCnn);
    const [conv, linear] = [model.net.children()[0] as nn.Conv2d, model.net.children()[7] as nn.Linear];
    for (const [layer, fans] of [
      [conv, 25 + 6 * 25],
      [linear, 400 + 120],
    ] as const) {
      const bound = Math.sqrt(6 / fans);
      const largest = layer.weight.detach().abs().amax().itemSync();
      expect(largest).toBeLessThanOrEqual(bound);
      expect(largest).toBeGreaterThan(0.9 * bound);
    }
    expect(model(ft.zeros([2, 1, 28, 28])).shape).toEqual([2, 3]);
    const dropout = new nn.Dropout(0.5);
    expect(() => d2l.initCnn(dropout as unknown as nn.AnyModule)).not.toThrow();
  });
});

describe('helpers', () => {
  test('accuracy counts right predictions, from scores or from classes; sizes that do not fit are an error', () => {
    const scores = floats([
      [0.1, 0.9],
      [0.8, 0.2],
    ]);
    expect(d2l.accuracy(scores, ft.tensor([1, 1]))).toBe(1);
    expect(d2l.accuracy(floats([1, 0, 2]), ft.tensor([1, 0, 1]))).toBe(2);
    expect(d2l.accuracy(floats([[1], [0]]), ft.tensor([1, 0]))).toBe(2);
    expect(() => d2l.accuracy(scores, ft.tensor([1, 1, 1]))).toThrow('yHat is [2, 2] and y is [3]');
  });

  test('Timer: every stop is a time; mean, sum and running sums', async () => {
    const timer = new d2l.Timer();
    expect(() => timer.avg()).toThrow('call stop() first');
    await new Promise((resolve) => setTimeout(resolve, 12));
    expect(timer.stop()).toBeGreaterThan(0.01);
    timer.start();
    timer.stop();
    expect(timer.times).toHaveLength(2);
    expect(timer.avg()).toBeCloseTo(timer.sum() / 2, 12);
    expect(timer.cumsum()).toEqual([timer.times[0], timer.sum()]);
  });

  test('Accumulator: sums side by side', () => {
    const sums = new d2l.Accumulator(2);
    sums.add(1, 10);
    sums.add(2, 20);
    expect([sums.get(0), sums.get(1)]).toEqual([3, 30]);
    sums.reset();
    expect(sums.get(1)).toBe(0);
    expect(() => sums.get(2)).toThrow('there is no sum 2');
    expect(() => sums.add(1)).toThrow('1 values for 2 sums');
  });

  test('Animator: several curves, null leaves one out', () => {
    const animator = new d2l.Animator({ xlabel: 'epoch', legend: ['train', 'test'], fmts: ['-', 'm--'], yscale: 'log' });
    animator.add(1, [0.5, null]);
    animator.add(2, [0.4, 0.6]);
    animator.add(3, 0.3);
    expect(animator.lines.map((points) => points.length)).toEqual([3, 1]);
    const spec = JSON.stringify(animator.figure().toVegaLite());
    for (const part of ['"train"', '"test"', '"log"', '[7,4]']) expect(spec).toContain(part);
  });

  test('devices: the CPU is always there, accelerators are counted', () => {
    expect(d2l.cpu()).toBe('cpu');
    expect(d2l.gpu(1)).toBe('webgpu:1');
    expect(d2l.tryAllGpus()).toHaveLength(d2l.numGpus());
    expect(d2l.tryGpu(d2l.numGpus())).toBe(d2l.cpu());
  });
});
