// NumPy's files: files that NumPy wrote, round trips, and every false claim a file can make.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DType, tensor, to, transpose, zeros } from '../../src/index.ts';
import { decodeNpy, encodeNpy, FormatError, loadNpy, loadNpz, saveNpy, saveNpz, tensorsFromNpz, tensorsToNpz } from '../../src/io/index.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fathom-npy-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A file of version 1 with a header of free choice. */
function file(header: string, dataBytes = 0, value = 0): Uint8Array {
  const out = new Uint8Array(10 + header.length + dataBytes).fill(value);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  for (let i = 0; i < header.length; i++) out[10 + i] = header.charCodeAt(i);
  return out;
}
const header = (descr: string, shape: string, fortran = 'False'): string =>
  `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }`;

describe('files that NumPy wrote', () => {
  it('Fortran order becomes row-major', async () => {
    const x = await loadNpy(fixture('fortran.npy'));
    expect(x.shape).toEqual([2, 3, 4]);
    expect(x.dtype).toBe('int64');
    expect(x.numbersSync()).toEqual(Array.from({ length: 24 }, (_, i) => i));
  });

  it('big-endian elements, and versions 2 and 3, are read; integers without a dtype here widen', async () => {
    const big = await loadNpy(fixture('big-endian.npy'));
    expect([big.dtype, ...big.numbersSync()]).toEqual(['float64', 1.5, -2]);
    const v3 = await loadNpy(fixture('version3.npy'));
    expect([v3.dtype, ...v3.numbersSync()]).toEqual(['int32', 1, -2, 3]);
    const v2 = await loadNpy(fixture('version2.npy'));
    expect([v2.dtype, ...v2.numbersSync()]).toEqual(['int64', 1, 2 ** 40]);
  });

  it('npz, plain and compressed', async () => {
    const plain = await loadNpz(fixture('plain.npz'));
    expect([...plain].map(([k, t]) => [k, t.dtype, t.shape, t.numbersSync()])).toEqual([
      ['a', 'float16', [2], [1.5, 2]],
      ['b', 'float32', [], [2.5]],
      ['c', 'bool', [2, 1], [1, 0]],
    ]);
    const packed = (await loadNpz(fixture('packed.npz'))).get('zeros');
    expect(packed?.shape).toEqual([50, 40]);
    expect(packed?.numbersSync().every((v) => v === 0)).toBe(true);
  });

  it('objects and records are refused', async () => {
    await expect(loadNpy(fixture('objects.npy'))).rejects.toThrow(/'\|O', which are Python objects; they are never read/);
    await expect(loadNpy(fixture('records.npy'))).rejects.toThrow(/records \(structured dtype\)/);
    await expect(loadNpy(fixture('objects.npy'))).rejects.toBeInstanceOf(FormatError);
  });
});

describe('round trips', () => {
  it('keep dtype, shape and values of every dtype that NumPy has', async () => {
    const dtypes: DType[] = ['float32', 'float64', 'int64', 'int32', 'uint8', 'bool', 'float16'];
    const all = Object.fromEntries(dtypes.map((d) => [d, to(tensor([[1, 0, 3.5]]), d)]));
    const state = { ...all, scalar: tensor(2.5), empty: zeros([0, 3]), view: transpose(tensor([[1, 2, 3]]), 0, 1) };
    for (const compress of [false, true]) {
      const path = join(folder, `all-${compress}.npz`);
      await saveNpz(path, state, { compress });
      const back = await loadNpz(path);
      expect([...back.keys()]).toEqual(Object.keys(state));
      for (const [name, t] of Object.entries(state)) {
        const got = back.get(name);
        expect([name, got?.dtype, got?.shape, got?.dataSync()]).toEqual([name, t.dtype, t.shape, t.dataSync()]);
      }
    }
    await saveNpy(join(folder, 'x.npy'), state.view);
    expect((await loadNpy(join(folder, 'x.npy'))).toArraySync()).toEqual([[1], [2], [3]]);
  });

  it('the header is padded to 64 bytes and ends in a new line', () => {
    const bytes = encodeNpy({ dtype: 'float32', shape: [3], data: new Float32Array(3) });
    expect(bytes.length).toBe(128 + 12);
    expect(bytes[127]).toBe(10);
    expect(new TextDecoder().decode(bytes.subarray(10, 70))).toContain("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }");
  });

  it('bfloat16 is refused with a cure', () => {
    expect(() => tensorsToNpz({ w: to(tensor([1]), 'bfloat16') })).toThrow(
      /'w' is bfloat16, which NumPy lacks; cast it with \.to\('float32'\)/,
    );
  });
});

describe('false claims are FormatErrors of one line', () => {
  it.each([
    ['empty', new Uint8Array(0), /not an npy file/],
    ['other file', new TextEncoder().encode('hello, this is text'), /not an npy file/],
    ['version', Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 9, 0, 0, 0), /version is 9\.0/],
    ['header beyond the file', file(header("'<f4'", '(1,)')).subarray(0, 30), /claims a header of/],
    ['no literal', file('import os'), /header cannot be read/],
    ['a call', file("{'descr': __import__('os')}"), /header cannot be read/],
    ['deep nesting', file('('.repeat(5000)), /too deep nesting/],
    ['no dictionary', file('(1, 2)'), /no dictionary/],
    ['no shape', file(header("'<f4'", "'x'")), /no tuple of sizes/],
    ['negative size', file(header("'<f4'", '(-1,)')), /no tuple of sizes/],
    ['too short', file(header("'<f4'", '(3,)'), 8), /takes 12 bytes after the header, 8 are there/],
    ['too long', file(header("'<f4'", '(1,)'), 8), /takes 4 bytes after the header, 8 are there/],
    ['huge', file(header("'<f8'", '(4503599627370496, 4503599627370496)'), 8), /8 are there/],
    ['unknown type', file(header("'<c8'", '(1,)'), 8), /elements of type '<c8'/],
    ['prototype name', file(header("'<constructor'", '(1,)'), 8), /elements of type '<constructor'/],
    ['bool of 7', file(header("'|b1'", '(1,)'), 1, 7), /element 0 of a bool array is the byte 7/],
    ['beyond int64', file(header("'<u8'", '(1,)'), 8, 255), /beyond int64/],
  ])('%s', (_name, bytes, pattern) => {
    let error: unknown;
    try {
      decodeNpy(bytes, 'a.npy');
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toMatch(pattern);
    expect((error as Error).message).toMatch(/^a\.npy: [^\n]*$/);
  });

  it('an npz with another file in it', () => {
    expect(() => tensorsFromNpz(new TextEncoder().encode('no'), 'a.npz')).toThrow(/no zip archive/);
  });
});
