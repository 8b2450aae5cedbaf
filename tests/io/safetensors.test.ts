// saveSafetensors and loadSafetensors with tensors on disk.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DType, tensor, to, transpose, zeros } from '../../src/index.ts';
import {
  FormatError,
  LoadError,
  loadSafetensors,
  loadSafetensorsWithMetadata,
  SaveError,
  saveSafetensors,
  tensorsFromSafetensors,
  tensorsToSafetensors,
} from '../../src/io/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fathom-weights-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const failure = async (promise: Promise<unknown>): Promise<Error> =>
  await promise.then(
    () => expect.fail('an error was expected'),
    (e: unknown) => e as Error,
  );

describe('saveSafetensors and loadSafetensors', () => {
  it('keep every dtype, shape, value, the order and the metadata', async () => {
    const path = join(folder, 'all.safetensors');
    const dtypes: DType[] = ['float32', 'float64', 'int64', 'int32', 'uint8', 'bool', 'float16', 'bfloat16'];
    const state = new Map(
      dtypes.map((dtype, i) => [
        `layers.${i}.${dtype}`,
        to(
          tensor([
            [1, 0, 3],
            [4, 5, 6.5],
          ]),
          dtype,
        ),
      ]),
    );
    state.set('scalar', tensor(2.5));
    state.set('empty', zeros([0, 3]));
    await saveSafetensors(path, state, { metadata: { format: 'pt' } });
    const { tensors, metadata } = await loadSafetensorsWithMetadata(path);
    expect(metadata).toEqual({ format: 'pt' });
    expect([...tensors.keys()]).toEqual([...state.keys()]);
    for (const [name, t] of state) {
      const got = tensors.get(name);
      expect(got?.dtype).toBe(t.dtype);
      expect(got?.shape).toEqual(t.shape);
      expect(got?.dataSync()).toEqual(t.dataSync());
    }
  });

  it('store a view dense', async () => {
    const path = join(folder, 'view.safetensors');
    await saveSafetensors(path, {
      w: transpose(
        tensor(
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
          { dtype: 'float32' },
        ),
        0,
        1,
      ),
    });
    const w = (await loadSafetensors(path)).get('w');
    expect(w?.shape).toEqual([3, 2]);
    expect([...(w?.dataSync() ?? [])]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it('go through bytes as well', () => {
    const bytes = tensorsToSafetensors({ b: tensor([1, 2]) }, { metadata: { a: 'x' } });
    const { tensors, metadata } = tensorsFromSafetensors(bytes);
    expect(metadata).toEqual({ a: 'x' });
    expect(tensors.get('b')?.dataSync()).toEqual(BigInt64Array.of(1n, 2n));
  });

  it("are read from Node's buffers, which share their memory with others", () => {
    const bytes = tensorsToSafetensors({ b: tensor([1, 2]), c: tensor([0.5]) });
    const pool = Buffer.concat([Buffer.alloc(8 + (bytes.length % 8)), bytes]);
    const { tensors } = tensorsFromSafetensors(pool.subarray(pool.length - bytes.length));
    expect(tensors.get('b')?.numbersSync()).toEqual([1, 2]);
    expect(tensors.get('c')?.numbersSync()).toEqual([0.5]);
  });

  it('the written file follows the published layout', async () => {
    const path = join(folder, 'layout.safetensors');
    await saveSafetensors(path, { w: tensor([1.5], { dtype: 'float32' }) });
    const bytes = await readFile(path);
    const n = Number(bytes.readBigUInt64LE(0));
    expect(JSON.parse(bytes.subarray(8, 8 + n).toString())).toEqual({ w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } });
    expect(bytes.readFloatLE(8 + n)).toBe(1.5);
  });

  it('a truncated file is a FormatError that names it, wherever it was cut', async () => {
    const path = join(folder, 'cut.safetensors');
    await saveSafetensors(path, { w: tensor([1.5, 2, 3], { dtype: 'float32' }) });
    for (let n = (await readFile(path)).length - 1; n >= 0; n -= 5) {
      await truncate(path, n);
      const error = await failure(loadSafetensors(path));
      expect(error).toBeInstanceOf(FormatError);
      expect(error.message.startsWith(`${path}: `)).toBe(true);
      expect(error.message).not.toContain('\n');
    }
  });

  it('a missing file is a LoadError, a missing folder a SaveError', async () => {
    expect(await failure(loadSafetensors(join(folder, 'none')))).toBeInstanceOf(LoadError);
    expect(await failure(saveSafetensors(join(folder, 'none', 'x'), { w: zeros([1]) }))).toBeInstanceOf(SaveError);
  });

  it('a full disk keeps the old file and gives one line', async (context) => {
    const disk = await mkdtemp(join(folder, 'small-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      console.warn('SKIPPED: the full-disk test of saveSafetensors needs the right to mount a tmpfs');
      return context.skip();
    }
    try {
      const path = join(disk, 'w.safetensors');
      await saveSafetensors(path, { w: zeros([10]) });
      const error = await failure(saveSafetensors(path, { w: zeros([100_000]) }));
      expect(error).toBeInstanceOf(SaveError);
      expect(error.message).toBe(`could not write ${path}: the disk is full; free some space or choose another folder (ENOSPC)`);
      expect(await readdir(disk)).toEqual(['w.safetensors']);
      expect((await loadSafetensors(path)).get('w')?.shape).toEqual([10]);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

// Files written by the reference implementation, next to the checkout.
const golden = fileURLToPath(new URL('../../../shared/golden/cases/vision.safetensors', import.meta.url));
describe.runIf(existsSync(golden))('files of the reference implementation', () => {
  it('are read', async () => {
    const tensors = await loadSafetensors(golden);
    expect(tensors.size).toBeGreaterThan(100);
  });
});
