// ImageFolder: sorted classes, transforms, batches, errors, and real use on the hotdog images.

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataLoader } from '../../src/data/index.ts';
import { full, IndexError, manualSeed } from '../../src/index.ts';
import { LoadError } from '../../src/io/index.ts';
import {
  CenterCrop,
  Compose,
  ImageFolder,
  Normalize,
  RandomHorizontalFlip,
  RandomResizedCrop,
  Resize,
  ToTensor,
  writeImage,
} from '../../src/vision/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fathom-folder-'));
  for (const [c, name, gray] of [
    ['zebra', 'b.png', 1],
    ['ant', 'deep/c.jpg', 2],
    ['ant', 'a.PNG', 3],
    ['bee', 'x.png', 4],
  ] as const) {
    await mkdir(join(folder, 'set', c, 'deep'), { recursive: true });
    await writeImage(join(folder, 'set', c, name), full([3, 4, 5], gray * 20, { dtype: 'uint8' }), {
      format: name.endsWith('jpg') ? 'jpeg' : 'png',
    });
  }
  await writeFile(join(folder, 'set', 'ant', 'notes.txt'), 'no image');
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('ImageFolder', () => {
  it('numbers sorted classes, finds images at any depth, and leaves other files out', async () => {
    const set = await ImageFolder.open(join(folder, 'set'));
    expect(set.classes).toEqual(['ant', 'bee', 'zebra']);
    expect(set.classToIdx).toEqual({ ant: 0, bee: 1, zebra: 2 });
    expect(set.targets).toEqual([0, 0, 1, 2]);
    const [image, label] = await set.get(3);
    expect([image.shape, image.dtype, label]).toEqual([[3, 4, 5], 'uint8', 2]);
    expect(image.numbersSync()[0]).toBe(20);
    await expect(set.get(4)).rejects.toBeInstanceOf(IndexError);
  });

  it('a transform changes the images, a loader makes batches', async () => {
    const set = await ImageFolder.open(join(folder, 'set'), { transform: new ToTensor(), targetTransform: (y) => 10 * y });
    const [x, y] = await new DataLoader(set, { batchSize: 4 }).first();
    expect([x.shape, x.dtype, y.numbersSync()]).toEqual([[4, 3, 4, 5], 'float32', [0, 0, 10, 20]]);
  });

  it('errors: no folder, no classes, a class without images', async () => {
    await expect(ImageFolder.open(join(folder, 'none'))).rejects.toBeInstanceOf(LoadError);
    await expect(ImageFolder.open(join(folder, 'set', 'bee', 'deep'))).rejects.toThrow(/has no sub-folders/);
    await expect(ImageFolder.open(join(folder, 'set'), { extensions: ['.webp'] })).rejects.toThrow(/ant has no images \(\.webp\)/);
  });
});

const data = process.env['FATHOM_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
if (!existsSync(join(data, 'hotdog'))) console.warn('SKIPPED: ImageFolder was not used on the hotdog images; set FATHOM_DATA');
describe.runIf(existsSync(join(data, 'hotdog')))('the hotdog images', () => {
  it('make the batches of fine-tuning', async () => {
    manualSeed(1);
    const normalize = new Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    const train = new Compose([new RandomResizedCrop(56), new RandomHorizontalFlip(), new ToTensor(), normalize]);
    const test = new Compose([new Resize([64, 64]), new CenterCrop(56), new ToTensor(), normalize]);
    const trainSet = await ImageFolder.open(join(data, 'hotdog', 'train'), { transform: train });
    const testSet = await ImageFolder.open(join(data, 'hotdog', 'test'), { transform: test });
    expect([trainSet.classes, trainSet.length, testSet.length]).toEqual([['hotdog', 'not-hotdog'], 440, 160]);
    let seen = 0;
    for await (const [x, y] of new DataLoader(trainSet, { batchSize: 32, shuffle: true })) {
      expect(x.shape.slice(1)).toEqual([3, 56, 56]);
      expect(x.isfinite().all().itemSync()).toBe(1);
      seen += y.shape[0];
      if (seen >= 96) break;
    }
    const [x, y] = await new DataLoader(testSet, { batchSize: 160 }).first();
    expect(x.shape).toEqual([160, 3, 56, 56]);
    expect(y.sum().itemSync()).toBe(80);
    // photographs have about the mean and deviation of ImageNet
    expect(Math.abs(x.mean().itemSync())).toBeLessThan(0.6);
  });
});
