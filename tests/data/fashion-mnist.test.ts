// loadFashionMnist: the real files when they are next to the checkout, the stand-in where it is allowed, errors in one line.

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DataError, fashionLabels, loadFashionMnist } from '../../src/data/index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fathom-fashion-'));
  vi.stubEnv('FATHOM_DATA', '');
  vi.stubEnv('FATHOM_CACHE', join(folder, 'cache'));
  vi.stubEnv('FATHOM_OFFLINE', '1');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe('without the files', () => {
  it('the stand-in steps in where it is allowed, and says so', async () => {
    const { images, labels, source, note } = await loadFashionMnist({ train: false, size: 30, allowStandIn: true });
    expect(source).toBe('stand-in');
    expect(note).toMatch(/^procedural stand-in for Fashion-MNIST \(fashion-mnist\/t10k-labels-idx1-ubyte\.gz: no copy found/);
    expect([images.shape, images.dtype]).toEqual([[30, 28, 28], 'uint8']);
    expect([labels.shape, labels.dtype]).toEqual([[30], 'int64']);
  });

  it('else it is a DataError of one line', async () => {
    await expect(loadFashionMnist()).rejects.toThrow(
      /^fashion-mnist\/train-labels-idx1-ubyte\.gz: no copy found: [^\n]*connect to the network/,
    );
  });

  it('a damaged file never leads to the stand-in', async () => {
    await mkdir(join(folder, 'fashion-mnist'));
    await writeFile(join(folder, 'fashion-mnist', 'train-labels-idx1-ubyte.gz'), 'x');
    const error = await loadFashionMnist({ root: folder, allowStandIn: true }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).kind).toBe('checksum');
  });

  it('a FATHOM_DATA that is no folder never leads to the stand-in', async () => {
    vi.stubEnv('FATHOM_DATA', join(folder, 'none'));
    await expect(loadFashionMnist({ allowStandIn: true })).rejects.toThrow('which is not a folder');
  });

  it('a size beyond the set is an error', async () => {
    await expect(loadFashionMnist({ train: false, size: 10_001 })).rejects.toThrow('from 1 to 10000');
  });
});

const data = fileURLToPath(new URL('../../../shared/data', import.meta.url));
describe.runIf(existsSync(join(data, 'fashion-mnist')))('the real files', () => {
  it('have the published mean and labels', async () => {
    const { images, labels, source } = await loadFashionMnist({ root: data });
    expect(source).toBe('root');
    expect(images.shape).toEqual([60_000, 28, 28]);
    const bytes = images.dataSync() as Uint8Array;
    expect(bytes.reduce((s, v) => s + v, 0) / bytes.length / 255).toBeCloseTo(0.286, 3);
    expect(
      labels
        .numbersSync()
        .slice(0, 4)
        .map((l) => fashionLabels[l]),
    ).toEqual(['ankle boot', 't-shirt', 't-shirt', 'dress']);
  });
});
