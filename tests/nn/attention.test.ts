// MultiheadAttention and the Transformer: layouts, masks, options and what they refuse. Values and gradients are in the golden cases.
import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import { expectClose } from '../kernels/compare.ts';

const message = (fn: () => unknown): string => {
  try {
    fn();
  } catch (e) {
    return `${(e as Error).name}: ${(e as Error).message}`;
  }
  throw new Error('nothing was thrown');
};
const close = (a: ft.Tensor, b: ft.Tensor, tolerance = 1e-5): void => {
  expect(a.shape).toEqual(b.shape);
  expectClose([...a.numbersSync()], [...b.numbersSync()], tolerance);
};
const future = (n: number): ft.Tensor => ft.triu(ft.ones([n, n], { dtype: 'bool' }), { diagonal: 1 });

describe('MultiheadAttention', () => {
  test('the fused path gives what the path with weights gives', () => {
    const net = new nn.MultiheadAttention(12, 3, { batchFirst: true, addBiasKv: true, addZeroAttn: true });
    const x = ft.randn([2, 5, 12]);
    const keyPaddingMask = ft.tensor([
      [false, false, false, false, true],
      [false, false, true, true, true],
    ]);
    for (const masks of [{}, { keyPaddingMask }, { attnMask: future(5) }, { attnMask: ft.randn([5, 5]), keyPaddingMask }]) {
      const [y, weights] = net(x, x, x, masks);
      const [z, none] = net(x, x, x, { ...masks, needWeights: false });
      close(z, y);
      expect(none).toBe(null);
      expect(weights?.shape).toEqual([2, 5, 7]); // a learned key and a key of zeros come last
      close(ft.sum(weights as ft.Tensor, { dim: -1 }), ft.ones([2, 5]));
    }
  });

  test('isCausal equals the causal mask', () => {
    const net = new nn.MultiheadAttention(8, 2);
    const x = ft.randn([6, 2, 8]);
    const [y] = net(x, x, x, { attnMask: future(6) });
    close(net(x, x, x, { attnMask: future(6), isCausal: true, needWeights: false })[0], y);
  });

  test('keys hidden by padding do not matter', () => {
    const net = new nn.MultiheadAttention(8, 2, { batchFirst: true });
    const [q, k] = [ft.randn([1, 3, 8]), ft.randn([1, 4, 8])];
    const keyPaddingMask = ft.tensor([[false, false, true, true]]);
    const short = ft.slice(k, 1, 0, 2);
    close(net(q, k, k, { keyPaddingMask, needWeights: false })[0], net(q, short, short)[0]);
  });

  test('weights of single heads, and without a batch', () => {
    const net = new nn.MultiheadAttention(8, 4);
    const [y, w] = net(ft.randn([3, 8]), ft.randn([5, 8]), ft.randn([5, 8]), { averageAttnWeights: false });
    expect([y.shape, w?.shape]).toEqual([
      [3, 8],
      [4, 3, 5],
    ]);
  });

  test('errors name the argument', () => {
    expect(message(() => new nn.MultiheadAttention(5, 2))).toMatch(/^ValueError: .*embedDim 5 must be a multiple of numHeads 2/);
    const net = new nn.MultiheadAttention(8, 2, { batchFirst: true });
    const x = ft.ones([2, 3, 8]);
    expect(message(() => net(x, ft.ones([2, 4, 7]), x))).toMatch(/^ShapeError: .*the last dimension of key must be 8/);
    expect(message(() => net(x, ft.ones([2, 4, 8]), ft.ones([2, 5, 8])))).toMatch(/^ShapeError: .*same length/);
    expect(message(() => net(x, ft.ones([1, 4, 8]), ft.ones([1, 4, 8])))).toMatch(/^ShapeError: .*the batch \(dimension 0/);
    expect(message(() => net(x, x, x, { attnMask: ft.ones([3, 4], { dtype: 'bool' }) }))).toMatch(
      /^ShapeError: .*attnMask is \[3, 4\]; expected \[3, 3\]/,
    );
    expect(message(() => net(x, x, x, { keyPaddingMask: ft.ones([3, 2], { dtype: 'bool' }) }))).toMatch(
      /^ShapeError: .*keyPaddingMask is \[3, 2\]/,
    );
    expect(message(() => net(x, x, x, { attnMask: ft.ones([3, 3], { dtype: 'int64' }) }))).toMatch(/^DTypeError: .*attnMask is int64/);
    expect(message(() => net(x, x, x, { isCausal: true }))).toMatch(/^ValueError: .*give attnMask as well/);
  });
});

describe('scaledDotProductAttention refuses', () => {
  const F = nn.functional;
  const x = ft.ones([2, 4, 3, 8]);
  test('what does not fit', () => {
    expect(message(() => F.scaledDotProductAttention(ft.ones([8]), x, x))).toMatch(/^ShapeError: .*at least two dimensions/);
    expect(message(() => F.scaledDotProductAttention(x, ft.ones([2, 4, 3, 7]), x))).toMatch(/^ShapeError: .*got 8 and 7/);
    expect(message(() => F.scaledDotProductAttention(x, x, ft.ones([2, 4, 5, 8])))).toMatch(/^ShapeError: .*equally many positions/);
    expect(message(() => F.scaledDotProductAttention(x, x, x, { attnMask: ft.ones([3, 4], { dtype: 'bool' }) }))).toMatch(/^ShapeError/);
    expect(message(() => F.scaledDotProductAttention(x, x, x, { attnMask: ft.ones([3, 3]), isCausal: true }))).toMatch(/^ValueError/);
    expect(message(() => F.scaledDotProductAttention(x, x, x, { dropoutP: -1 }))).toMatch(/^ValueError: .*dropoutP -1/);
    expect(message(() => F.scaledDotProductAttention(x, ft.ones([2, 3, 3, 8]), ft.ones([2, 3, 3, 8]), { enableGqa: true }))).toMatch(
      /^ShapeError: .*multiple of those of key and value/,
    );
    expect(message(() => F.scaledDotProductAttention(x, x, x.to('float64')))).toMatch(/^DTypeError/);
  });
});

describe('Transformer', () => {
  test('has the names of PyTorch', () => {
    const names = Object.keys(
      new nn.Transformer({ dModel: 4, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 8 }).stateDict(),
    );
    expect(names).toHaveLength(34);
    expect(names).toContain('decoder.layers.0.multihead_attn.in_proj_weight');
    expect(names).toContain('encoder.norm.weight');
  });

  test('layers of a stack begin equal and are apart', () => {
    const stack = new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 8 }), 2);
    const [a, b] = [...stack.layers];
    expect(a.linear1.weight.toArraySync()).toEqual(b.linear1.weight.toArraySync());
    nn.init.zeros_(a.linear1.weight);
    expect(a.linear1.weight.toArraySync()).not.toEqual(b.linear1.weight.toArraySync());
  });

  test('the causal mask keeps the future from the past', () => {
    const net = new nn.TransformerEncoder(new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true }), 2).eval();
    const mask = nn.Transformer.generateSquareSubsequentMask(5);
    const x = ft.randn([1, 5, 8]);
    const y = net(x, { mask });
    const changed = ft.cat([ft.slice(x, 1, 0, 3), ft.randn([1, 2, 8])], 1);
    close(ft.slice(net(changed, { mask, isCausal: true }), 1, 0, 3), ft.slice(y, 1, 0, 3));
  });

  test('dropout works in training only', () => {
    const net = new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 16, dropout: 0.5 });
    const [t, m] = [ft.randn([3, 1, 8]), ft.randn([4, 1, 8])];
    const run = (): unknown => net(t, m).toArraySync();
    expect(run()).not.toEqual(run());
    net.eval();
    expect(run()).toEqual(run());
  });

  test('errors name the argument', () => {
    expect(message(() => new nn.TransformerEncoderLayer(4, 2, { activation: 'swish' as 'relu' }))).toMatch(
      /^ValueError: .*activation 'swish'/,
    );
    const net = new nn.Transformer({ dModel: 4, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 8 });
    expect(message(() => net(ft.ones([3, 1, 4]), ft.ones([3, 1, 5])))).toBe(
      'ShapeError: Transformer: tgt is [3, 1, 5]; its last dimension must be dModel 4',
    );
  });
});
