// Image files: PNG of every colour type against another decoder, JPEG, palettes of masks, real data sets, and files that lie.

import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zlibSync } from 'fflate';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DTypeError, defaultGenerator, manualSeed, randint, ShapeError, type Tensor, tensor, zeros } from '../../src/index.ts';
import { crc32 } from '../../src/io/crc32.ts';
import { FormatError, LoadError } from '../../src/io/index.ts';
import { decodeImage, encodeImage, readImage, writeImage } from '../../src/vision/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fathom-image-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const noise = (shape: number[]): Tensor => randint(0, 256, shape, { dtype: 'uint8' });
/** Pixels with the channels last, as other libraries have them. */
const last = (x: Tensor): Uint8Array => x.permute([1, 2, 0]).contiguous().dataSync() as Uint8Array;

function png(header: number[], body: Uint8Array, extra: [string, number[]][] = []): Uint8Array {
  const chunk = (type: string, data: ArrayLike<number>): number[] => {
    const inner = [...new TextEncoder().encode(type), ...Array.from(data)];
    const number = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
    return [...number(data.length), ...inner, ...number(crc32(Uint8Array.from(inner)))];
  };
  const parts = [
    ['IHDR', header] as [string, number[]],
    ...extra,
    ['IDAT', [...body]] as [string, number[]],
    ['IEND', []] as [string, number[]],
  ];
  return Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...parts.flatMap(([t, d]) => chunk(t, d))]);
}

describe('PNG', () => {
  it('what is encoded is decoded, with 1, 3 and 4 channels', async () => {
    manualSeed(1);
    for (const c of [1, 3, 4]) {
      const x = noise([c, 9, 14]);
      const back = await decodeImage(await encodeImage(x));
      expect([back.shape, back.dtype, back.dataSync()]).toEqual([[c, 9, 14], 'uint8', x.dataSync()]);
    }
    expect((await decodeImage(await encodeImage(zeros([2, 3], { dtype: 'uint8' })))).shape).toEqual([1, 2, 3]);
  });

  it('agrees with another decoder, interlaced or not', async () => {
    manualSeed(2);
    for (const [w, h] of [
      [1, 1],
      [3, 5],
      [17, 33],
    ]) {
      const raw = noise([h, w, 3]).dataSync() as Uint8Array;
      for (const progressive of [false, true]) {
        const file = await sharp(raw, { raw: { width: w, height: h, channels: 3 } })
          .png({ progressive })
          .toBuffer();
        expect(last(await decodeImage(file))).toEqual(raw);
      }
    }
  });

  it('palettes: colours, or indices on request; few bits a pixel', async () => {
    const raw = new Uint8Array(8 * 8 * 3).map((_, i) => (Math.floor(i / 3) % 3) * 100);
    const file = await sharp(raw, { raw: { width: 8, height: 8, channels: 3 } })
      .png({ palette: true, colours: 4 })
      .toBuffer();
    expect(file[25]).toBe(3); // colour type
    const colors = await decodeImage(file);
    expect(last(colors)).toEqual(raw);
    const indices = await decodeImage(file, { mode: 'indices' });
    expect(indices.shape).toEqual([1, 8, 8]);
    expect(new Set(indices.numbersSync()).size).toBe(3);
    await expect(decodeImage(await encodeImage(zeros([3, 2, 2], { dtype: 'uint8' })), { mode: 'indices' })).rejects.toThrow(
      /has no palette/,
    );
  });

  it('grey of 1, 2, 4 and 16 bits is stretched or cut to 8', async () => {
    const grey = async (depth: number, line: number[]): Promise<number[]> =>
      (await decodeImage(png([0, 0, 0, 3, 0, 0, 0, 1, depth, 0, 0, 0, 0], zlibSync(Uint8Array.from([0, ...line]))))).numbersSync();
    expect(await grey(1, [0b10100000])).toEqual([255, 0, 255]);
    expect(await grey(2, [0b00011100])).toEqual([0, 85, 255]);
    expect(await grey(4, [0x0f, 0x50])).toEqual([0, 255, 85]);
    expect(await grey(16, [0, 9, 128, 9, 255, 9])).toEqual([0, 128, 255]);
  });

  it('transparent colours of a palette become alpha, and modes change channels', async () => {
    const file = png([0, 0, 0, 2, 0, 0, 0, 1, 8, 3, 0, 0, 0], zlibSync(Uint8Array.of(0, 0, 1)), [
      ['PLTE', [10, 20, 30, 40, 50, 60]],
      ['tRNS', [7]],
    ]);
    expect((await decodeImage(file)).toArraySync()).toEqual([[[10, 40]], [[20, 50]], [[30, 60]], [[7, 255]]]);
    expect((await decodeImage(file, { mode: 'rgb' })).toArraySync()).toEqual([[[10, 40]], [[20, 50]], [[30, 60]]]);
    expect((await decodeImage(file, { mode: 'gray' })).toArraySync()).toEqual([[[18, 48]]]);
    expect((await decodeImage(await encodeImage(tensor([[9]], { dtype: 'uint8' })), { mode: 'rgba' })).toArraySync()).toEqual([
      [[9]],
      [[9]],
      [[9]],
      [[255]],
    ]);
  });

  it.each([
    [
      'a size that its bytes cannot hold',
      png([0, 1, 0, 0, 0, 1, 0, 0, 8, 2, 0, 0, 0], zlibSync(new Uint8Array(10))),
      /claims 65536 x 65536 pixels/,
    ],
    [
      'too few pixels',
      png([0, 0, 0, 9, 0, 0, 0, 9, 8, 0, 0, 0, 0], zlibSync(new Uint8Array(10))),
      /take 10 bytes, 90 were expected|cannot be expanded/,
    ],
    ['no palette', png([0, 0, 0, 1, 0, 0, 0, 1, 8, 3, 0, 0, 0], zlibSync(new Uint8Array(2))), /no palette/],
    ['an unknown filter', png([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0], zlibSync(Uint8Array.of(9, 1))), /filter 9/],
    ['no size', png([0, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0], zlibSync(new Uint8Array(2))), /size is 0 x 1/],
    ['no such depth', png([0, 0, 0, 1, 0, 0, 0, 1, 3, 0, 0, 0, 0], zlibSync(new Uint8Array(2))), /3 bits/],
    ['another file', new TextEncoder().encode('GIF89a'), /neither PNG nor JPEG/],
  ])('%s is a FormatError', async (_name, bytes, pattern) => {
    await expect(decodeImage(bytes)).rejects.toThrow(pattern);
    await expect(decodeImage(bytes)).rejects.toBeInstanceOf(FormatError);
  });

  it('what cannot be encoded says what was expected', async () => {
    await expect(encodeImage(zeros([3, 2, 2]))).rejects.toThrow(DTypeError);
    await expect(encodeImage(zeros([2, 2, 2], { dtype: 'uint8' }))).rejects.toThrow(ShapeError);
    await expect(encodeImage(zeros([4, 2, 2], { dtype: 'uint8' }), { format: 'jpeg' })).rejects.toThrow(
      /expected \[H, W\], \[1, H, W\], \[3, H, W\] with pixels/,
    );
    expect(defaultGenerator.seed).toBe(2);
  });
});

describe('JPEG', () => {
  it('smooth images survive within a few levels, grey and colour', async () => {
    const ramp = Uint8Array.from({ length: 32 * 48 }, (_, i) => 4 * (i % 48));
    for (const c of [1, 3]) {
      const x = tensor(ramp).reshape([1, 32, 48]).expand([c, 32, 48]).contiguous();
      const path = join(folder, `ramp${c}.jpg`);
      await writeImage(path, x, { quality: 95 });
      const back = await readImage(path);
      expect(back.shape).toEqual([c, 32, 48]);
      expect(back.float().sub(x.float()).abs().max().itemSync()).toBeLessThan(6);
      expect((await readImage(path, { mode: 'gray' })).shape).toEqual([1, 32, 48]);
      expect((await readImage(path, { mode: 'rgb' })).shape).toEqual([3, 32, 48]);
    }
  });

  it('truncated and lying files are FormatErrors, missing ones LoadErrors', async () => {
    const good = await encodeImage(noise([3, 40, 40]), { format: 'jpeg' });
    for (const n of [3, 100, 300, good.length - 200]) await expect(decodeImage(good.slice(0, n))).rejects.toBeInstanceOf(FormatError);
    const frame = good.findIndex((b, i) => b === 0xff && good[i + 1] === 0xc0);
    const huge = good.slice();
    huge.set([0xff, 0xff, 0xff, 0xff], frame + 5);
    await expect(decodeImage(huge)).rejects.toThrow(/claims 65535 x 65535 pixels/);
    await expect(readImage(join(folder, 'none.jpg'))).rejects.toBeInstanceOf(LoadError);
    await expect(decodeImage(good, { mode: 'indices' })).rejects.toThrow(/no palette/);
  });
});

const data = process.env['FATHOM_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
const voc = join(data, 'voc2012', 'VOCdevkit', 'VOC2012');
if (!existsSync(voc)) console.warn('SKIPPED: images of real data sets were not read; set FATHOM_DATA');
describe.runIf(existsSync(voc))('real images', () => {
  it('VOC: masks have indices 0 … 20 and 255, in the size of their photographs', async () => {
    const names = (await readdir(join(voc, 'SegmentationClass'))).slice(0, 8);
    for (const name of names) {
      const mask = await readImage(join(voc, 'SegmentationClass', name), { mode: 'indices' });
      const photo = await readImage(join(voc, 'JPEGImages', name.replace('.png', '.jpg')));
      expect(photo.shape).toEqual([3, ...mask.shape.slice(1)]);
      expect(mask.numbersSync().every((v) => v <= 20 || v === 255)).toBe(true);
      expect(mask.max().itemSync()).toBeGreaterThan(0);
    }
    // The first colours of VOC's palette: black, then dark red.
    const colors = await readImage(join(voc, 'SegmentationClass', names[0]), { mode: 'rgb' });
    expect(colors.select(1, 0).select(1, 0).numbersSync()).toEqual([0, 0, 0]);
  });

  it('every PNG agrees with another decoder', async () => {
    const files = [
      ...(await readdir(join(data, 'pokemon', 'sprites'))).slice(0, 12).map((f) => join(data, 'pokemon', 'sprites', f)),
      ...(await readdir(join(data, 'fruit-banana-detection', 'bananas_val', 'images'))).map((f) =>
        join(data, 'fruit-banana-detection', 'bananas_val', 'images', f),
      ),
      join(voc, 'SegmentationClass', (await readdir(join(voc, 'SegmentationClass')))[0]),
    ];
    for (const file of files) {
      const image = await readImage(file);
      const { data: raw, info } = await sharp(await readFile(file), { ignoreIcc: true })
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([file, image.shape]).toEqual([file, [info.channels, info.height, info.width]]);
      expect(Buffer.from(last(image)).equals(raw)).toBe(true);
    }
  });
});
