// PyTorch's files: files that PyTorch wrote in both forms, real weights, round trips, and programs that must not run.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DType, float, Tensor, tensor, to, transpose, ValueError, zeros } from '../../src/index.ts';
import {
  decodeTorch,
  encodeTorch,
  FormatError,
  loadSafetensors,
  loadTorch,
  loadTorchWeights,
  saveTorch,
  type TorchSavable,
} from '../../src/io/index.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fathom-torch-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.each(['new.pt', 'old.pt'])('%s, written by PyTorch', (name) => {
  it('gives tensors, views on shared storages and plain values', async () => {
    const file = (await loadTorch(fixture(name))) as Map<string, unknown>;
    const t = (key: string): Tensor => file.get(key) as Tensor;
    expect(t('view').shape).toEqual([4, 3]);
    expect(t('view').strides).toEqual([1, 4]);
    expect(t('view').toArraySync()).toEqual([
      [2, 6, 10],
      [3, 7, 11],
      [4, 8, 12],
      [5, 9, 13],
    ]);
    expect(t('row').storage).toBe(t('view').storage);
    t('row').select(0, 0).fill_(50);
    expect(t('view').select(0, 3).toArraySync()).toEqual([50, 9, 13]);
    expect(t('expanded').toArraySync()).toEqual([
      [3, 3, 3],
      [3, 3, 3],
    ]);
    expect(t('empty').shape).toEqual([0]);
    const kinds = ['half', 'bfloat', 'int8', 'int16', 'bool', 'parameter'].map((k) => [t(k).dtype, ...t(k).numbersSync()]);
    expect(kinds).toEqual([
      ['float16', 1.5, -2],
      ['bfloat16', 1.5, -2],
      ['int32', -1, 2],
      ['int32', -300, 2],
      ['bool', 1, 0],
      ['float32', 1, 1],
    ]);
    expect(file.get('tuple')).toEqual([1, 2.5, null, true, 'x', Uint8Array.of(97, 98, 255), 2n ** 80n, -5]);
    expect(file.get('set')).toEqual(new Set([1, 2]));
    expect(file.get('size')).toEqual([1, 2]);
    expect(file.get('dtype')).toBe('float32');
    const state = file.get('state') as Map<string, Tensor>;
    expect([...state.keys()]).toEqual(['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']);
    const opt = file.get('opt') as Map<string, unknown>;
    const first = (opt.get('state') as Map<number, Map<string, Tensor>>).get(0);
    expect(first?.get('step')?.itemSync()).toBe(1);
    expect(first?.get('exp_avg')?.numbersSync()[0]).toBeCloseTo(0.2, 6);
  });
});

describe('what is no data', () => {
  it('is refused by name and never executed', async () => {
    for (const name of ['evil.pt', 'evil-old.pt']) {
      await expect(loadTorch(fixture(name))).rejects.toThrow(/asks for 'posix\.system'.*nothing was executed/);
      await expect(loadTorch(fixture(name))).rejects.toBeInstanceOf(FormatError);
    }
    expect(existsSync(fixture('executed')) || existsSync('executed')).toBe(false);
    await expect(loadTorch(fixture('module.pt'))).rejects.toThrow(
      /'torch\.nn\.modules\.linear\.Linear'.*torch\.save\(net\.state_dict\(\), path\)/,
    );
    await expect(loadTorch(fixture('script.pt'))).rejects.toThrow(/TorchScript program/);
  });

  it('names of JavaScript are no names of Python', () => {
    const pickle = (module: string, name: string): Uint8Array => new TextEncoder().encode(`c${module}\n${name}\n.`);
    const old = Uint8Array.of(
      0x80,
      2,
      0x8a,
      10,
      0x6c,
      0xfc,
      0x9c,
      0x46,
      0xf9,
      0x20,
      0x6a,
      0xa8,
      0x50,
      0x19,
      0x2e,
      0x80,
      2,
      0x4d,
      0xe9,
      3,
      0x2e,
      0x80,
      2,
      0x7d,
      0x2e,
    );
    for (const [m, n] of [
      ['torch', 'constructor'],
      ['__proto__', 'x'],
      ['torch', 'toString'],
    ])
      expect(() => decodeTorch(Uint8Array.from([...old, ...pickle(m, n)]), 'x.pt')).toThrow(`the pickle asks for '${m}.${n}'`);
  });

  it('a text, an empty file and other pickles are FormatErrors', () => {
    for (const bytes of [new Uint8Array(0), new TextEncoder().encode('text'), Uint8Array.of(0x80, 2, 0x4b, 1, 0x2e)])
      expect(() => decodeTorch(bytes, 'x.pt')).toThrow(/^x\.pt: not a PyTorch file/);
  });
});

describe('loadTorchWeights', () => {
  it('takes an entry, strips a prefix, and lists the keys when there are no weights', async () => {
    const weights = await loadTorchWeights(fixture('new.pt'), { key: 'state' });
    expect(weights.get('running_var')?.numbersSync()).toEqual([1, 1]);
    expect([...(await loadTorchWeights(fixture('protocol4.pt'))).keys()]).toEqual([...weights.keys()]);
    const path = join(folder, 'prefixed.pt');
    await saveTorch(path, { 'module.w': tensor([1]) });
    expect([...(await loadTorchWeights(path, { prefix: 'module.' })).keys()]).toEqual(['w']);
    await expect(loadTorchWeights(path, { prefix: 'net.' })).rejects.toThrow(/'module\.w' does not begin with the prefix 'net\.'/);
    await expect(loadTorchWeights(fixture('new.pt'))).rejects.toThrow(/a dictionary with view, row,/);
    await expect(loadTorchWeights(fixture('new.pt'), { key: 'weights' })).rejects.toThrow(/no dictionary 'weights'/);
  });
});

describe('saveTorch', () => {
  it('keeps every dtype, shape and value, plain values and their kinds', async () => {
    const dtypes: DType[] = ['float32', 'float64', 'int64', 'int32', 'uint8', 'bool', 'float16', 'bfloat16'];
    const state = Object.fromEntries(dtypes.map((d) => [d, to(tensor([[1, 0, 3.5]]), d)]));
    const numbers = [
      0,
      1,
      255,
      256,
      70000,
      -1,
      -128,
      -129,
      2 ** 31,
      2 ** 40,
      -(2 ** 40),
      2n ** 70n,
      -(2n ** 70n),
      0.5,
      Number.POSITIVE_INFINITY,
    ];
    const value: TorchSavable = {
      state,
      scalar: tensor(7),
      empty: zeros([0, 3]),
      transposed: transpose(tensor([[1, 2, 3]]), 0, 1),
      numbers,
      float: float(2),
      text: 'ü\n',
      bytes: Uint8Array.of(0, 255),
      map: new Map<number | string, TorchSavable>([
        [0, [true, false, null]],
        ['1', {}],
      ]),
      left: undefined,
    };
    const path = join(folder, 'all.pt');
    await saveTorch(path, value);
    const back = (await loadTorch(path)) as Map<string, unknown>;
    expect([...back.keys()]).toEqual(Object.keys(value).filter((k) => k !== 'left'));
    for (const [name, t] of Object.entries(state)) {
      const got = (back.get('state') as Map<string, Tensor>).get(name);
      expect([name, got?.dtype, got?.shape, got?.dataSync()]).toEqual([name, t.dtype, t.shape, t.dataSync()]);
    }
    expect((back.get('transposed') as Tensor).toArraySync()).toEqual([[1], [2], [3]]);
    expect((back.get('empty') as Tensor).shape).toEqual([0, 3]);
    expect(back.get('numbers')).toEqual(numbers);
    expect([back.get('float'), back.get('text'), back.get('bytes')]).toEqual([2, 'ü\n', Uint8Array.of(0, 255)]);
    expect(back.get('map')).toEqual(
      new Map<unknown, unknown>([
        [0, [true, false, null]],
        ['1', new Map()],
      ]),
    );
  });

  it('a state dict of many tensors and long texts', () => {
    const value = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [`layers.${i}.weight`, i % 3 === 0 ? tensor(i) : 'x'.repeat(7 * i)]),
    );
    const back = decodeTorch(encodeTorch(value)) as Map<string, unknown>;
    for (const [name, v] of Object.entries(value)) {
      const got = back.get(name);
      if (typeof v === 'string') expect(got).toBe(v);
      else expect((got as Tensor).itemSync()).toBe(v.itemSync());
    }
  });

  it('stores tied tensors once, and gives them one storage again', () => {
    const w = zeros([1000]);
    const bytes = encodeTorch({ a: w, b: w });
    expect(bytes.length).toBeLessThan(6000);
    const back = decodeTorch(bytes) as Map<string, Tensor>;
    expect(back.get('a')?.storage).toBe(back.get('b')?.storage);
  });

  it('refuses what a file cannot hold, naming the place', () => {
    const circle: TorchSavable[] = [];
    circle.push(circle);
    expect(() => encodeTorch({ a: [() => 1] as unknown as TorchSavable })).toThrow(ValueError);
    expect(() => encodeTorch({ a: [() => 1] as unknown as TorchSavable })).toThrow(/the value\.a\[0\] is of type function/);
    expect(() => encodeTorch({ d: new Date() as unknown as TorchSavable })).toThrow(/the value\.d is a Date/);
    expect(() => encodeTorch(circle)).toThrow(/contains itself/);
    let deep: TorchSavable = 1;
    for (let i = 0; i < 10_000; i++) deep = [deep];
    expect(() => encodeTorch(deep)).toThrow(/nested deeper than 500 levels/);
  });
});

// Real weights beside the checkout: the same network as PyTorch's old form and as safetensors.
const pretrained = process.env['FATHOM_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
const resnet = join(pretrained, 'pretrained', 'resnet20_cifar10_12fca82f.th');
if (!existsSync(resnet)) console.warn('SKIPPED: real PyTorch weights were not read; set FATHOM_DATA to a folder with pretrained/');
describe.runIf(existsSync(resnet))('real weights', () => {
  it('the old form and safetensors agree bit by bit', async () => {
    const old = await loadTorchWeights(resnet, { key: 'state_dict', prefix: 'module.' });
    const safe = await loadSafetensors(resnet.replace('.th', '.safetensors'));
    expect(old.size).toBe(97);
    expect(safe.size).toBe(97);
    for (const [name, t] of safe) {
      const got = old.get(name);
      expect([name, got?.dtype, got?.shape]).toEqual([name, t.dtype, t.shape]);
      expect(Buffer.from((got as Tensor).dataSync().buffer).equals(Buffer.from(t.dataSync().buffer))).toBe(true);
    }
    const whole = (await loadTorch(resnet)) as Map<string, unknown>;
    expect(whole.get('best_prec1')).toBeCloseTo(91.78, 4);
  });

  it('the zip form that the PyTorch library of another framework wrote is read', async () => {
    const weights = await loadTorchWeights(join(pretrained, 'pretrained', 'burn_mnist.pt'));
    expect(weights.size).toBe(20);
    expect(weights.get('fc1.weight')?.shape).toEqual([32, 11616]);
    expect([...weights.values()].every((t) => t instanceof Tensor)).toBe(true);
  });
});
