// IDX files: all element types, gzip or plain, and every way in which a file can be damaged.

import { gzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { DataError, type DataErrorKind } from '../../src/data/errors.ts';
import { parseIdx } from '../../src/data/idx.ts';
import { crc32 } from '../../src/io/crc32.ts';

const idx = (code: number, shape: number[], elements: number[]): Uint8Array => {
  const out = new Uint8Array(4 + 4 * shape.length + elements.length);
  out.set([0, 0, code, shape.length]);
  shape.forEach((d, i) => {
    new DataView(out.buffer).setUint32(4 + 4 * i, d);
  });
  out.set(elements, 4 + 4 * shape.length);
  return out;
};
const images = idx(8, [2, 1, 3], [1, 2, 3, 4, 5, 255]);
const failure = (bytes: Uint8Array, kind: DataErrorKind, dims?: number): string => {
  try {
    parseIdx(bytes, 'train.gz', dims === undefined ? {} : { dims });
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    const e = error as DataError;
    expect(e.kind).toBe(kind);
    expect(e.message).not.toContain('\n');
    expect(e.message.startsWith('train.gz: ')).toBe(true);
    return e.message;
  }
  return 'no error';
};

describe('parseIdx', () => {
  it('reads plain and gzip files', () => {
    for (const bytes of [images, gzipSync(images)])
      expect(parseIdx(bytes)).toEqual({ shape: [2, 1, 3], dtype: 'uint8', data: Uint8Array.of(1, 2, 3, 4, 5, 255) });
  });

  it('reads a view into a larger buffer', () => {
    const larger = new Uint8Array(images.length + 7);
    larger.set(images, 5);
    expect(parseIdx(larger.subarray(5, 5 + images.length)).data).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 255));
  });

  it('reads big-endian elements of the other types', () => {
    expect(parseIdx(idx(9, [2], [255, 1])).data).toEqual(Int32Array.of(-1, 1));
    expect(parseIdx(idx(11, [2], [255, 254, 1, 0])).data).toEqual(Int32Array.of(-2, 256));
    expect(parseIdx(idx(12, [1], [0, 0, 1, 2])).data).toEqual(Int32Array.of(258));
    expect(parseIdx(idx(13, [1], [0x3f, 0x80, 0, 0])).data).toEqual(Float32Array.of(1));
    expect(parseIdx(idx(14, [1], [0xc0, 0, 0, 0, 0, 0, 0, 0])).data).toEqual(Float64Array.of(-2));
  });

  it('a truncated file says what was expected, wherever it was cut', () => {
    expect(failure(images.subarray(0, images.length - 1), 'truncated')).toMatch(
      /shape \[2, 1, 3\] takes 6 bytes after the header, 5 are there; delete the file/,
    );
    for (let n = 0; n < images.length; n++) failure(images.subarray(0, n), 'truncated');
  });

  it('a truncated gzip file is found, wherever it was cut', () => {
    const zipped = gzipSync(Uint8Array.from({ length: 400 }, (_, i) => (i < 8 ? idx(8, [392], [])[i] : (i * 7919) % 251)));
    expect(parseIdx(zipped).shape).toEqual([392]);
    for (let n = 3; n < zipped.length; n++) failure(zipped.subarray(0, n), 'truncated');
  });

  it('a damaged gzip file is found by its CRC-32', () => {
    const zipped = gzipSync(images, { level: 0 });
    zipped[zipped.length - 12] ^= 1;
    expect(failure(zipped, 'truncated')).toMatch(/CRC-32/);
  });

  it('a gzip file that claims 4 GB gets no memory for it', () => {
    const zipped = gzipSync(images);
    zipped.fill(255, zipped.length - 4);
    expect(failure(zipped, 'truncated')).toMatch(/claims 4294967295 bytes/);
  });

  it('sizes beyond the file get no memory', () => {
    expect(failure(idx(13, [0xffffffff, 0xffffffff, 0xffffffff], [1, 2, 3]), 'truncated')).toMatch(/shape \[4294967295, /);
  });

  it('a wrong magic number names what was found', () => {
    expect(failure(new TextEncoder().encode('<html>404</html>'), 'format')).toMatch(/begins with 3c 68 74 6d, 00 00 was expected; check/);
  });

  it('an unsupported type, other dimensions and bytes left over are errors', () => {
    expect(failure(idx(10, [1], [1]), 'format')).toMatch(/unsupported IDX element type 0x0a/);
    expect(failure(images, 'format', 1)).toMatch(/of 3 dimensions, 1 expected; check that images and labels are not exchanged/);
    expect(failure(idx(8, [], []), 'format')).toMatch(/0 dimensions/);
    expect(failure(idx(8, [2], [1, 2, 3]), 'format')).toMatch(/1 bytes too many/);
  });
});

describe('crc32', () => {
  it("gives the check value of the CRC catalogue for '123456789'", () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });
});
