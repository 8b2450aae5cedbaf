// Zip archives: round trips, and archives that lie about their contents.

import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/io/errors.ts';
import { joinPieces, openZip, zipPieces } from '../../src/io/zip.ts';

const text = (b: Uint8Array): string => new TextDecoder().decode(b);
const contents = (bytes: Uint8Array): Record<string, string> => {
  const zip = openZip(bytes, 'a.zip');
  return Object.fromEntries(zip.entries.map((e) => [e.name, text(zip.read(e))]));
};
const small = (): Uint8Array<ArrayBuffer> => joinPieces(zipPieces([{ name: 'a.txt', data: strToU8('hello') }]));

/** The archive with a field of its only directory record (or, with `local`, of the local header) changed. */
function patched(offset: number, value: number, bytes: 2 | 4, { local = false, zip = small() } = {}): Uint8Array<ArrayBuffer> {
  const view = new DataView(zip.buffer);
  const at = (local ? 0 : view.getUint32(zip.length - 6, true)) + offset;
  if (bytes === 2) view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
  return zip;
}

describe('zip', () => {
  it('what is written is read, stored, deflated and aligned', () => {
    const bytes = joinPieces(
      zipPieces([
        { name: 'ü/a.txt', data: strToU8('stored'), align: 64 },
        { name: 'b.txt', data: strToU8('packed '.repeat(100)), deflate: true },
        { name: 'empty', data: new Uint8Array(0), align: 64 },
      ]),
    );
    expect(contents(bytes)).toEqual({ 'ü/a.txt': 'stored', 'b.txt': 'packed '.repeat(100), empty: '' });
    for (const e of openZip(bytes).entries) if (e.method === 0) expect(e.begin % 64).toBe(0);
    expect(bytes.length).toBeLessThan(500);
  });

  it('archives of another program are read, an archive without entries too', () => {
    expect(contents(zipSync({ 'd/a.txt': strToU8('one'), 'b.txt': [strToU8('two'), { level: 0 }] }))).toEqual({
      'd/a.txt': 'one',
      'b.txt': 'two',
    });
    expect(contents(zipSync({}))).toEqual({});
  });

  it.each([
    ['nothing', new Uint8Array(0), /no directory was found/],
    ['truncated', small().subarray(0, 60), /no directory was found/],
    ['encrypted', patched(8, 0x801, 2), /encrypted/],
    ['another method', patched(10, 12, 2), /packed by method 12/],
    ['stored sizes that differ', patched(24, 4, 4), /its sizes 5 and 4 differ/],
    ['a name that differs', patched(30, 0x78, 2, { local: true }), /another name in its own header/],
    ['an offset beyond the file', patched(42, 9999, 4), /not where the directory says/],
    ['a bomb', patched(24, 2 ** 31, 4, { zip: patched(10, 8, 2) }), /expand to 5160 at most/],
    ['64-bit sizes that are missing', patched(24, 0xffffffff, 4), /64-bit sizes/],
  ])('%s is a FormatError', (_name, bytes, pattern) => {
    expect(() => contents(bytes)).toThrow(pattern);
    expect(() => contents(bytes)).toThrow(FormatError);
  });

  it('a changed byte is found by the checksum', () => {
    const bytes = small();
    bytes[36] ^= 1;
    expect(() => contents(bytes)).toThrow(/CRC-32/);
  });

  it('two entries that share bytes, or a name, are refused', () => {
    const two = joinPieces(
      zipPieces([
        { name: 'a', data: strToU8('hello') },
        { name: 'b', data: strToU8('hello') },
      ]),
    );
    const view = new DataView(two.buffer);
    const directory = view.getUint32(two.length - 6, true);
    const shared = two.slice();
    shared[directory + 47 + 46] = 'a'.charCodeAt(0);
    expect(() => contents(shared)).toThrow(/two entries are named 'a'/);
    // The second record points at the first file, whose own name is made to fit: the classic overlapping bomb.
    const overlapping = two.slice();
    overlapping[directory + 46] = 'b'.charCodeAt(0);
    overlapping[directory + 47 + 46] = 'a'.charCodeAt(0);
    new DataView(overlapping.buffer).setUint32(directory + 47 + 42, 0, true);
    new DataView(overlapping.buffer).setUint32(directory + 42, 0, true);
    expect(() => contents(overlapping)).toThrow(/another name in its own header|overlap/);
  });

  it('FormatError for an archive of 4 GiB', () => {
    const fake = { length: 2 ** 32 } as Uint8Array;
    expect(() => joinPieces(zipPieces([{ name: 'a', data: fake }]))).toThrow(/less than 4 GiB/);
  });
});
