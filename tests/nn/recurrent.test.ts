// Recurrent layers: names, shapes, options and what they refuse. Values and gradients are in the golden cases.
import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';

const message = (fn: () => unknown): string => {
  try {
    fn();
  } catch (e) {
    return `${(e as Error).name}: ${(e as Error).message}`;
  }
  throw new Error('nothing was thrown');
};

describe('parameters', () => {
  test('have the names and shapes of PyTorch, layer by layer and direction by direction', () => {
    const net = new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true });
    expect(net.namedParameters().map(([name, p]) => `${name} ${p.shape.join('x')}`)).toEqual([
      'weight_ih_l0 16x3',
      'weight_hh_l0 16x4',
      'bias_ih_l0 16',
      'bias_hh_l0 16',
      'weight_ih_l0_reverse 16x3',
      'weight_hh_l0_reverse 16x4',
      'bias_ih_l0_reverse 16',
      'bias_hh_l0_reverse 16',
      'weight_ih_l1 16x8',
      'weight_hh_l1 16x4',
      'bias_ih_l1 16',
      'bias_hh_l1 16',
      'weight_ih_l1_reverse 16x8',
      'weight_hh_l1_reverse 16x4',
      'bias_ih_l1_reverse 16',
      'bias_hh_l1_reverse 16',
    ]);
    expect(Object.keys(new nn.GRUCell(2, 3, { bias: false }).stateDict())).toEqual(['weight_ih', 'weight_hh']);
  });

  test('begin uniform within 1/sqrt(hiddenSize)', () => {
    const values = [...new nn.GRU(50, 64).parameters()[0].numbersSync()];
    const bound = 1 / 8;
    expect(Math.max(...values)).toBeLessThanOrEqual(bound);
    expect(Math.max(...values)).toBeGreaterThan(0.95 * bound);
    expect(Math.min(...values)).toBeLessThan(-0.95 * bound);
  });
});

describe('calls', () => {
  test('batchFirst changes the layout of inputs and outputs, not of states', () => {
    ft.manualSeed(0);
    const net = new nn.GRU(3, 5, { batchFirst: true, numLayers: 2 });
    const plain = new nn.GRU(3, 5, { numLayers: 2 });
    plain.loadStateDict(net.stateDict());
    const x = ft.randn([2, 7, 3]);
    const [y, h] = net(x);
    const [z, g] = plain(ft.transpose(x, 0, 1));
    expect(y.shape).toEqual([2, 7, 5]);
    expect(h.shape).toEqual([2, 2, 5]);
    expect(ft.transpose(z, 0, 1).toArraySync()).toEqual(y.toArraySync());
    expect(g.toArraySync()).toEqual(h.toArraySync());
  });

  test('an input without a batch gives results without one', () => {
    const [y, [h, c]] = new nn.LSTM(3, 4, { bidirectional: true })(ft.randn([6, 3]));
    expect([y.shape, h.shape, c.shape]).toEqual([
      [6, 8],
      [2, 4],
      [2, 4],
    ]);
    const [hh, cc] = new nn.LSTMCell(3, 4)(ft.randn([3]));
    expect([hh.shape, cc.shape]).toEqual([[4], [4]]);
  });

  test('a sequence in two parts with the state carried over is the whole sequence', () => {
    const net = new nn.LSTM(2, 6, { numLayers: 2 });
    const x = ft.randn([9, 3, 2]);
    const [whole] = net(x);
    const [first, state] = net(ft.slice(x, 0, 0, 4));
    const [second] = net(ft.slice(x, 0, 4, 9), state);
    expect(ft.cat([first, second]).toArraySync()).toEqual(whole.toArraySync());
  });

  test('dropout works between layers, in training only', () => {
    const net = new nn.RNN(3, 40, { numLayers: 2, dropout: 0.5 });
    const x = ft.randn([4, 2, 3]);
    const run = (): unknown => net(x)[0].toArraySync();
    expect(run()).not.toEqual(run());
    net.eval();
    expect(run()).toEqual(run());
    const one = new nn.RNN(3, 4, { dropout: 0.5 });
    expect(one(x)[0].toArraySync()).toEqual(one(x)[0].toArraySync());
  });

  test('second derivatives exist', () => {
    const net = new nn.GRU(2, 3, { dtype: 'float64' });
    const x = ft.randn([3, 2, 2], { dtype: 'float64' }).requiresGrad_();
    const [g] = ft.grad([net(x)[0].square().sum()], [x], { createGraph: true });
    (g as ft.Tensor).square().sum().backward();
    expect(net.parameters().every((p) => p.grad !== null)).toBe(true);
  });

  test('training keeps memory flat', () => {
    const net = new nn.LSTM(8, 16, { numLayers: 2 });
    const x = ft.randn([12, 32, 8]);
    const step = (): void =>
      ft.scope(() => {
        net.zeroGrad();
        net(x)[0].sum().backward();
      });
    for (let i = 0; i < 3; i++) step();
    const before = ft.memory().live;
    for (let i = 0; i < 20; i++) step();
    expect(ft.memory().live).toBe(before);
  });
});

describe('errors name the layer, the argument and what was expected', () => {
  test('sizes and options', () => {
    expect(message(() => new nn.LSTM(0, 4))).toBe('ValueError: LSTM: inputSize 0 must be a whole number of at least 1');
    expect(message(() => new nn.GRU(3, 2.5))).toMatch(/^ValueError: GRU: hiddenSize 2.5/);
    expect(message(() => new nn.RNN(3, 4, { dropout: 2 }))).toMatch(/^ValueError: RNN: dropout 2 must be a probability/);
    expect(message(() => new nn.RNN(3, 4, { nonlinearity: 'gelu' as 'relu' }))).toMatch(/^ValueError: RNN: nonlinearity 'gelu'/);
    expect(message(() => new nn.LSTM(3, 4, { projSize: 4 }))).toMatch(/^ValueError: LSTM: projSize 4 must be .* below hiddenSize 4/);
  });

  test('inputs and states', () => {
    const net = new nn.LSTM(3, 4);
    expect(message(() => net(ft.ones([2, 3, 5])))).toBe('ShapeError: LSTM: the input is [2, 3, 5]; its last dimension must be inputSize 3');
    expect(message(() => net(ft.ones([3])))).toMatch(/^ShapeError: LSTM: the input is \[3\]; expected \[steps, batch, 3\]/);
    expect(message(() => net(ft.ones([0, 2, 3])))).toMatch(/^ShapeError: .*has no time steps/);
    expect(message(() => net(ft.ones([2, 2, 3]), [ft.ones([1, 2, 4]), ft.ones([1, 3, 4])]))).toMatch(
      /^ShapeError: LSTM: c is \[1, 3, 4\]; expected \[1, 2, 4\]/,
    );
    expect(message(() => net(ft.ones([2, 2, 3]), ft.ones([1, 2, 4]) as never))).toMatch(/^ValueError: LSTM: the state must be \[h, c\]/);
    expect(message(() => net(ft.ones([2, 2, 3], { dtype: 'float64' })))).toMatch(/^DTypeError: .*float64.*float32/);
    expect(message(() => new nn.RNNCell(3, 4)(ft.ones([2, 3]), ft.ones([3, 4])))).toMatch(
      /^ShapeError: RNNCell: h is \[3, 4\]; expected \[2, 4\]/,
    );
  });
});
