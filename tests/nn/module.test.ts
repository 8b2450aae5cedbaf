// Modules: how parameters and children are found, named, saved and loaded.

import { expect, test } from 'vitest';
import { type Tensor, tensor } from '../../src/index.ts';
import { Module } from '../../src/nn/module.ts';
import { isLazy, Parameter, UninitializedParameter } from '../../src/nn/parameter.ts';
import { linear } from '../../src/ops/matmul.ts';

class Affine extends Module {
  weight = new Parameter(tensor([[1, 2]], { dtype: 'float32' }));
  bias = new Parameter(tensor([3], { dtype: 'float32' }));
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}

class Twice extends Module {
  first = new Affine();
  again = this.first;
  forward(x: Tensor): Tensor {
    return this.first(x);
  }
}

const x = (): Tensor => tensor([[1, 1]], { dtype: 'float32' });

test('a module is called like a function', () => {
  expect(new Affine()(x()).toArraySync()).toEqual([[6]]);
});

test('a module used twice lists its parameters once and saves them under both names', () => {
  const net = new Twice();
  expect(net.namedParameters().map(([name]) => name)).toEqual(['first.weight', 'first.bias']);
  expect(Object.keys(net.stateDict())).toEqual(['first.weight', 'first.bias', 'again.weight', 'again.bias']);
});

test('loadStateDict lists missing, unexpected and mismatched names', () => {
  const net = new Affine();
  expect(() => net.loadStateDict({ weight: net.weight, extra: net.bias })).toThrow(/missing: bias; unexpected: extra/);
  expect(() => net.loadStateDict({ weight: x().reshape([2, 1]), bias: net.bias })).toThrow(/weight is \[1, 2\] here and \[2, 1\]/);
  expect(net.loadStateDict({ weight: tensor([[5, 6]], { dtype: 'float32' }) }, { strict: false }).missing).toEqual(['bias']);
  expect(net.weight.toArraySync()).toEqual([[5, 6]]);
});

test('forward hooks see and may replace the output until they are removed', () => {
  const net = new Affine();
  const other = x();
  const remove = net.registerForwardHook(() => other);
  expect(net(x())).toBe(other);
  remove();
  expect(net(x())).not.toBe(other);
});

test('train and eval reach every module; toString prints the tree', () => {
  const net = new Twice().eval();
  expect(net.modules().map((m) => m.training)).toEqual([false, false]);
  expect(String(net)).toBe('Twice(\n  (first): Affine()\n)');
});

test('a lazy parameter becomes real in place', () => {
  const p = new UninitializedParameter();
  expect(isLazy(p)).toBe(true);
  p.materialize([2, 3]);
  expect(isLazy(p)).toBe(false);
  expect(p.shape).toEqual([2, 3]);
});
