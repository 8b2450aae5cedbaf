// Resizing against torchvision's results, and scaling of bytes.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { resize, toTensor, toUnit } from '../../src/data/index.ts';
import { tensor, zeros } from '../../src/index.ts';
import { loadSafetensors } from '../../src/io/index.ts';

describe('resize', () => {
  it('keeps constant images and images of the same size', () => {
    const flat = tensor(new Uint8Array(5 * 7).fill(200)).reshape([5, 7]);
    expect(new Set(resize(flat, [11, 3]).numbersSync())).toEqual(new Set([200]));
    const x = tensor(Uint8Array.of(1, 2, 3, 4, 5, 6)).reshape([2, 3]);
    expect(resize(x, [2, 3]).numbersSync()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('one number is the shorter side', () => {
    expect(resize(zeros([3, 10, 20]), 5).shape).toEqual([3, 5, 10]);
    expect(resize(zeros([20, 9]), 3).shape).toEqual([6, 3]);
  });

  it('averages when halving with antialias, samples between pixels without', () => {
    const x = tensor([[0, 0, 80, 80, 0, 0, 80, 80]], { dtype: 'float32' });
    // Triangle of width 4 about the centre of each pair, cut and normalised at the edges: weights 3 3 1 / 7 and 1 3 3 1 / 8.
    expect(
      resize(x, [1, 4])
        .numbersSync()
        .map((v) => Math.round(v * 1000) / 1000),
    ).toEqual([11.429, 60, 20, 68.571]);
    expect(resize(x, [1, 4], { antialias: false }).numbersSync()).toEqual([0, 80, 0, 80]);
  });

  it('wrong arguments say what was expected', () => {
    expect(() => resize(zeros([3]), 2)).toThrow('images is [3]');
    expect(() => resize(zeros([3, 3], { dtype: 'int64' }), 2)).toThrow('images is int64');
    expect(() => resize(zeros([3, 3]), 0)).toThrow('size is [0]');
    expect(() => resize(zeros([0, 3]), 2)).toThrow('without pixels');
  });
});

describe('toUnit and toTensor', () => {
  it('divide bytes by 255 in single precision', () => {
    const x = toUnit(tensor(Uint8Array.of(0, 1, 51, 255)));
    expect(x.dtype).toBe('float32');
    expect(x.numbersSync()).toEqual([0, Math.fround(1 / 255), Math.fround(0.2), 1]);
    expect(() => toUnit(zeros([2]))).toThrow('float32; uint8 was expected');
  });

  it('put channels first', () => {
    const image = tensor(Uint8Array.of(255, 0, 0, 255, 0, 0)).reshape([1, 2, 3]);
    expect(toTensor(image).shape).toEqual([3, 1, 2]);
    expect(toTensor(image).numbersSync()).toEqual([1, 1, 0, 0, 0, 0]);
    expect(toTensor(tensor(Uint8Array.of(255)).reshape([1, 1])).shape).toEqual([1, 1, 1]);
    expect(() => toTensor(zeros([1, 1, 1, 1]))).toThrow('image is [1, 1, 1, 1]');
  });
});

interface Case {
  op: string;
  id: string;
  args: [{ $: string }, [number] | [number, number]];
  kwargs: { interpolation: string; antialias?: boolean };
  out: [{ $: string }];
  int_atol?: number;
  atol: number;
  rtol: number;
}
// Expected results computed with torchvision, next to the checkout.
const golden = fileURLToPath(new URL('../../../shared/golden/cases/vision', import.meta.url));
describe.runIf(existsSync(`${golden}.json`))("torchvision's results", () => {
  it('bilinear, with and without antialias, bytes and floats', async () => {
    const cases = (JSON.parse(await readFile(`${golden}.json`, 'utf8')) as Case[]).filter(
      (c) => c.op.endsWith('.resize') && c.kwargs.interpolation === 'bilinear',
    );
    const tensors = await loadSafetensors(`${golden}.safetensors`);
    expect(cases.length).toBeGreaterThan(10);
    for (const { id, args, kwargs, out, int_atol, atol, rtol } of cases) {
      const [x, want] = [tensors.get(args[0].$), tensors.get(out[0].$)];
      if (x === undefined || want === undefined) throw new Error(`${id}: tensors are missing`);
      const got = resize(x, args[1].length === 1 ? args[1][0] : args[1], { antialias: kwargs.antialias ?? true });
      expect(got.shape, id).toEqual(want.shape);
      const expected = want.numbersSync();
      got.numbersSync().forEach((v, i) => {
        expect(Math.abs(v - expected[i]), `${id} element ${i}`).toBeLessThanOrEqual(
          x.dtype === 'uint8' ? (int_atol ?? 0) : atol + rtol * Math.abs(expected[i]),
        );
      });
    }
  });
});
