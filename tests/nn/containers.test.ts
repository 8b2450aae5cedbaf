// Containers: order, names, editing, and what they share.

import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';

const kinds = (list: Iterable<nn.AnyModule>): string[] => [...list].map((m) => m.kind);

describe('Sequential', () => {
  test('a module that stands twice runs twice and is trained once', () => {
    const double = new nn.Linear(1, 1, { bias: false });
    nn.init.constant_(double.weight, 2);
    const net = new nn.Sequential(double, double);
    expect(net.size).toBe(2);
    expect(net(ft.tensor([[3]], { dtype: 'float32' })).itemSync()).toBe(12);
    expect(net.parameters().length).toBe(1);
  });

  test('insert, set, pop and extend keep positions dense', () => {
    const net = new nn.Sequential().append(new nn.ReLU()).extend([new nn.Tanh(), new nn.Sigmoid()]);
    net.insert(1, new nn.GELU());
    net.set(-1, new nn.SiLU());
    expect(kinds(net)).toEqual(['ReLU', 'GELU', 'Tanh', 'SiLU']);
    expect(net.pop(0).kind).toBe('ReLU');
    expect(net.namedChildren().map(([name]) => name)).toEqual(['0', '1', '2']);
    expect(() => net.at(3)).toThrow(ft.IndexError);
    expect(() => net.append('x' as unknown as nn.Module)).toThrow(ft.ValueError);
  });

  test('a slice shares its modules', () => {
    const net = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU(), new nn.Linear(3, 1));
    const features = net.slice(0, -1);
    expect(kinds(features)).toEqual(['Linear', 'ReLU']);
    expect(features.at(0)).toBe(net.at(0));
  });
});

test('ModuleList: more than ten modules stay in order; editing renumbers', () => {
  const list = new nn.ModuleList(Array.from({ length: 12 }, (_, i) => new nn.Linear(1, i + 1)));
  expect([...list].map((m) => m.outFeatures)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  list.insert(0, new nn.Linear(1, 99));
  expect(list.pop().outFeatures).toBe(12);
  expect(list.at(0).outFeatures).toBe(99);
  expect(list.slice(1, 3).size).toBe(2);
  expect(() => (list as unknown as () => void)()).toThrow(/no forward/);
});

test('ModuleDict: modules by key; keys that are members are refused', () => {
  const dict = new nn.ModuleDict({ conv: new nn.Conv2d(1, 2, 3), act: new nn.ReLU() });
  expect(dict.keys()).toEqual(['conv', 'act']);
  expect(Object.keys(dict.stateDict())).toEqual(['conv.weight', 'conv.bias']);
  expect(dict.get('act').kind).toBe('ReLU');
  expect(() => dict.get('none')).toThrow(/conv, act/);
  for (const key of ['training', 'forward', 'a.b', '']) expect(() => dict.set(key, new nn.ReLU())).toThrow(ft.ValueError);
  dict.pop('conv');
  expect(dict.size).toBe(1);
});

test('ParameterList and ParameterDict turn tensors into parameters that the module finds', () => {
  class Net extends nn.Module {
    weights = new nn.ParameterList([ft.zeros([2]), ft.ones([3])]);
    named = new nn.ParameterDict({ scale: ft.ones([1]) });
    forward(x: ft.Tensor): ft.Tensor {
      return x.mul(this.named.get('scale')).add(this.weights.at(0));
    }
  }
  const net = new Net();
  expect(net.namedParameters().map(([name]) => name)).toEqual(['weights.0', 'weights.1', 'named.scale']);
  net(ft.ones([2]))
    .sum()
    .backward();
  expect(net.named.get('scale').grad?.itemSync()).toBe(2);
  net.weights.append(ft.zeros([1]));
  expect([...net.weights].every((p) => p instanceof nn.Parameter)).toBe(true);
});

test('mismatched ends of a Sequential do not compile', () => {
  const pairs = new nn.CosineSimilarity();
  // @ts-expect-error CosineSimilarity takes two tensors, ReLU gives one
  const net = new nn.Sequential(new nn.ReLU(), pairs);
  expect(net.size).toBe(2);
});
