// Images: PNG files that decode to the same bytes, pixel arrays of every layout, the grid of `showImages`.
import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { encodePng, showImages, toPixels } from '../../src/plot/index.ts';

// A decoder for the test alone: reads the chunks, checks their checksums against zlib's, undoes the row filters.
function decode(png: Uint8Array): { width: number; height: number; type: number; data: number[] } {
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  expect([...png.subarray(0, 8)]).toEqual([137, 80, 78, 71, 13, 10, 26, 10]);
  const names: string[] = [];
  let body = new Uint8Array(0);
  for (let at = 8; at < png.length; ) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...png.subarray(at + 4, at + 8));
    names.push(name);
    if (name === 'IDAT') body = png.slice(at + 8, at + 8 + length);
    at += 12 + length;
  }
  expect(names).toEqual(['IHDR', 'IDAT', 'IEND']);
  expect(view.getUint32(png.length - 4)).toBe(0xae426082); // the checksum of an empty IEND is known
  const [width, height, type] = [view.getUint32(16), view.getUint32(20), png[25]!];
  const step = { 0: 1, 2: 3, 6: 4 }[type as 0 | 2 | 6];
  const stride = width * step;
  const raw = inflateSync(body);
  const data = new Array<number>(stride * height).fill(0);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]!;
    for (let x = 0; x < stride; x++) {
      const a = x >= step ? data[y * stride + x - step]! : 0;
      const b = y > 0 ? data[(y - 1) * stride + x]! : 0;
      const c = x >= step && y > 0 ? data[(y - 1) * stride + x - step]! : 0;
      const p = a + b - c;
      const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
      const paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
      const guess = [0, a, b, (a + b) >> 1, paeth][filter]!;
      data[y * stride + x] = (raw[y * (stride + 1) + 1 + x]! + guess) & 255;
    }
  }
  return { width, height, type, data };
}

describe('encodePng', () => {
  test.each([
    [1, 0, 1, 1],
    [1, 0, 28, 28],
    [3, 2, 17, 5],
    [4, 6, 3, 31],
  ] as const)('%i channels come back byte for byte', (channels, type, width, height) => {
    const data = Uint8Array.from({ length: width * height * channels }, (_, i) => (i * i * 7 + (i >> 3)) & 255);
    const back = decode(encodePng({ width, height, channels, data }));
    expect([back.width, back.height, back.type]).toEqual([width, height, type]);
    expect(back.data).toEqual([...data]);
  });

  test('a smooth image packs far below its size', () => {
    const data = Uint8Array.from({ length: 64 * 64 }, (_, i) => ((i % 64) + (i >> 6)) * 2);
    expect(encodePng({ width: 64, height: 64, channels: 1, data }).length).toBeLessThan(200);
  });

  test('bytes that do not fit the sizes are a ShapeError', () => {
    expect(() => encodePng({ width: 2, height: 2, channels: 3, data: new Uint8Array(4) })).toThrow(/data has 4 bytes; 2 x 2 x 3 needs 12/);
    expect(() => encodePng({ width: 0, height: 2, channels: 1, data: new Uint8Array(0) })).toThrow(/0 x 2/);
    expect(() => encodePng({ width: 1, height: 1, channels: 2 as never, data: new Uint8Array(2) })).toThrow(/channels is 2/);
  });
});

describe('toPixels', () => {
  test('fractions, bytes and other ranges are stretched as stated', () => {
    expect([
      ...toPixels([
        [0, 0.5],
        [1, 0.25],
      ]).data,
    ]).toEqual([0, 128, 255, 64]);
    expect([
      ...toPixels([
        [0, 128],
        [255, 64],
      ]).data,
    ]).toEqual([0, 128, 255, 64]);
    expect([
      ...toPixels([
        [-1, 0],
        [1, 3],
      ]).data,
    ]).toEqual([0, 64, 128, 255]);
    expect([...toPixels([[-1, 0, 2]], 'image', { range: [0, 1] }).data]).toEqual([0, 0, 255]);
    expect([...toPixels([[7.5, Number.NaN]]).data]).toEqual([0, 0]);
  });

  test('channels first and last are the same picture', () => {
    const last = [
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      [
        [7, 8, 9],
        [10, 11, 12],
      ],
      [
        [0, 0, 0],
        [1, 1, 1],
      ],
      [
        [0, 0, 0],
        [1, 1, 1],
      ],
      [
        [9, 9, 9],
        [8, 8, 8],
      ],
    ];
    const first = [0, 1, 2].map((c) => last.map((row) => row.map((pixel) => pixel[c]!)));
    expect(toPixels(first)).toEqual(toPixels(last));
    expect(toPixels(first)).toMatchObject({ width: 2, height: 5, channels: 3 });
    expect(toPixels([[[0, 1]]])).toMatchObject({ width: 2, height: 1, channels: 1 });
  });

  test('other shapes say what is expected', () => {
    expect(() =>
      toPixels([
        [
          [1, 2],
          [1, 2],
        ],
        [
          [1, 2],
          [3, 4],
        ],
      ]),
    ).toThrow(/shape \[2,2,2\]; expected \[H, W\]/);
    expect(() => toPixels([1, 2])).toThrow(/shape \[2\]/);
    expect(() => toPixels([[1, 2], [1]])).toThrow(/\[2\] and \[1\]/);
    expect(() => toPixels([])).toThrow(/expected \[H, W\]/);
  });
});

test('showImages draws each image once, with its title, and a tensor [N, 1, H, W] is a list', async () => {
  const batch = {
    toArraySync: () =>
      [0, 1, 2].map((k) => [
        [
          [0, k / 2],
          [1, 0],
        ],
      ]),
  };
  const svg = await showImages(batch, 1, 3, { titles: ['coat', 'bag', 'a & b'] }).toSVG();
  expect(svg.match(/<image /g)).toHaveLength(3);
  expect(svg).toContain('>a &amp; b</text>');
  expect(svg).toContain('pixelated');
  expect((await showImages(batch, 1, 2).toSVG()).match(/<image /g)).toHaveLength(2);
  expect(() => showImages(batch, 0, 2)).toThrow(/numRows: is 0/);
});
