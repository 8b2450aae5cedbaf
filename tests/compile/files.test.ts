// Compiled functions in files: they run without their source, and files that lie are refused before anything runs.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import {
  compiledFromBytes,
  compiledToBytes,
  decodeSafetensors,
  encodeSafetensors,
  loadCompiled,
  saveCompiled,
} from '../../src/io/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'fathom-compiled-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function network(): nn.Sequential {
  ft.manualSeed(5);
  const net = new nn.Sequential(
    new nn.Conv2d(1, 3, 3, { padding: 1 }),
    new nn.BatchNorm2d(3),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(27, 5),
    new nn.LogSoftmax(1),
  );
  return net.eval() as nn.Sequential;
}

/** The bytes of a saved network, compiled for [2, 1, 6, 6]. */
function saved(): { net: nn.Sequential; bytes: Uint8Array<ArrayBuffer> } {
  const net = network();
  const f = ft.compile((x: ft.Tensor) => net(x));
  ft.noGrad(() => f(ft.randn([2, 1, 6, 6])));
  return { net, bytes: compiledToBytes(f) };
}

describe('files of compiled functions', () => {
  test('a network runs from a file as it does from its source, for every shape that was recorded', async () => {
    const net = network();
    const f = ft.compile((x: ft.Tensor) => ({ scores: net(x), best: net(x).argmax({ dim: 1 }) }));
    ft.noGrad(() => {
      f(ft.randn([2, 1, 6, 6]));
      f(ft.randn([4, 1, 6, 6]));
    });
    const path = join(folder, 'net.fathom');
    await saveCompiled(path, f);
    const g = (await loadCompiled(path)) as ft.Recorded<[ft.Tensor], { scores: ft.Tensor; best: ft.Tensor }>;
    for (const n of [2, 4, 2]) {
      const x = ft.randn([n, 1, 6, 6]);
      const want = ft.noGrad(() => net(x));
      const got = g(x);
      got.scores.numbersSync().forEach((v, i) => expect(v).toBeCloseTo(want.numbersSync()[i], 5));
      expect(got.best.numbersSync()).toEqual(want.argmax({ dim: 1 }).numbersSync());
    }
    expect(g.plan()).toContain('CONV_FORWARD');
    expect(() => g(ft.randn([3, 1, 6, 6]))).toThrow(/called with \(float32 \[3, 1, 6, 6\]\).*recordings for/);
  });

  test('a differentiable recording is saved without its backward pass; the file keeps the parameters of that moment', () => {
    const layer = new nn.Linear(3, 2);
    const f = ft.compile((x: ft.Tensor) => layer(x).tanh());
    const x = ft.randn([4, 3]);
    const want = f(x).numbersSync();
    const bytes = compiledToBytes(f);
    ft.noGrad(() => layer.weight.zero_());
    const g = compiledFromBytes(bytes) as ft.Recorded<[ft.Tensor], ft.Tensor>;
    const y = g(x);
    expect(y.requiresGrad).toBe(false);
    y.numbersSync().forEach((v, i) => expect(v).toBeCloseTo(want[i], 6));
  });

  test('random numbers come from the default generator', () => {
    const f = ft.compile((x: ft.Tensor) => x.add(ft.rand([3])));
    const x = ft.zeros([3]);
    f(x);
    const g = compiledFromBytes(compiledToBytes(f)) as typeof f;
    ft.manualSeed(9);
    const want = [f(x).numbersSync(), f(x).numbersSync()];
    ft.manualSeed(9);
    expect([g(x).numbersSync(), g(x).numbersSync()]).toEqual(want);
  });

  test('what cannot be saved says why', () => {
    expect(() => compiledToBytes(ft.compile((x: ft.Tensor) => x))).toThrow(/has not been called yet/);
    const w = ft.randn([3], { requiresGrad: true });
    const opt = new optim.SGD([w], { lr: 0.1 });
    const step = ft.compile(() => {
      opt.zeroGrad();
      w.square().sum().backward();
      opt.step();
    });
    step();
    step();
    expect(() => compiledToBytes(step)).toThrow(ft.CompileError);
  });

  test('a file that claims something else is refused in one line', () => {
    const { bytes } = saved();
    const { tensors, metadata } = decodeSafetensors(bytes);
    const rewrite = (m: Record<string, string>): Uint8Array => encodeSafetensors([...tensors], { ...metadata, ...m });
    expect(() => compiledFromBytes(rewrite({ format: 'pt' }))).toThrow(/no file of a compiled function/);
    expect(() => compiledFromBytes(rewrite({ version: '9' }))).toThrow(/version 9/);
    expect(() => compiledFromBytes(rewrite({ plans: '{' }))).toThrow(/no JSON/);
    expect(() => compiledFromBytes(bytes.subarray(0, bytes.length - 9))).toThrow();
  });

  // Every number of the instructions is replaced by several others, and every number of the description.
  test('2000 files with one wrong number either run within their memory or are refused', () => {
    const { bytes } = saved();
    const { tensors, metadata } = decodeSafetensors(bytes);
    const guard = ft.full([1 << 14], 7, { dtype: 'float32' }); // memory of others
    const x = ft.ones([2, 1, 6, 6]);
    const plan = tensors.get('plan.0')?.data as Float64Array;
    const json = metadata.plans;
    const places = [...json.matchAll(/(?<=[[:,])-?\d+(?=[\],}])/g)];
    const values = [-1, 0, 1, 2, 3, 7, 64, 1000, 2 ** 20, 2 ** 31, 2 ** 40, 2 ** 53, 0.5, Number.NaN, Number.POSITIVE_INFINITY];
    const kinds = { ran: 0, refused: 0 };
    const attempt = (file: () => Uint8Array): void => {
      try {
        const f = compiledFromBytes(file());
        f(x);
        kinds.ran++;
      } catch (e) {
        if (!(e instanceof ft.FathomError)) throw e;
        kinds.refused++;
      }
    };
    let state = 1;
    const below = (n: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    for (let k = 0; k < 1200; k++) {
      const changed = plan.slice();
      changed[below(plan.length)] = values[below(values.length)];
      attempt(() =>
        encodeSafetensors(
          [...tensors].map(([name, e]) => [name, name === 'plan.0' ? { ...e, data: changed } : e]),
          metadata,
        ),
      );
    }
    for (let k = 0; k < 800; k++) {
      const m = places[below(places.length)];
      const v = values[below(values.length - 2)];
      const text = `${json.slice(0, m.index)}${v}${json.slice((m.index as number) + m[0].length)}`;
      attempt(() => encodeSafetensors([...tensors], { ...metadata, plans: text }));
    }
    expect(kinds.refused).toBeGreaterThan(1000);
    expect(kinds.ran).toBeGreaterThan(20);
    expect(guard.numbersSync().every((v) => v === 7)).toBe(true);
  });
});
