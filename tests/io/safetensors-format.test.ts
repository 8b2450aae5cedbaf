// The safetensors format on typed arrays: round trips, and every false claim a file can make.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/io/errors.ts';
import { type ArrayEntry, decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors-format.ts';

/** A file with a header of free choice. */
function file(header: unknown, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + json.length + dataBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  return out;
}
const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]): unknown => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});
const message = (bytes: Uint8Array): string => {
  try {
    decodeSafetensors(bytes, 'w.safetensors');
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    const text = (error as Error).message;
    expect(text).not.toContain('\n');
    expect(text.startsWith('w.safetensors: ')).toBe(true);
    return text;
  }
  return 'no error';
};

describe('round trips', () => {
  it('keeps all dtypes, shapes, values, order and metadata', () => {
    const entries: [string, ArrayEntry][] = [
      ['0.bool', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
      ['10', { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1.5, -0, Number.NaN, Number.POSITIVE_INFINITY) }],
      ['2', { dtype: 'float64', shape: [], data: Float64Array.of(Math.PI) }],
      ['i64', { dtype: 'int64', shape: [2], data: BigInt64Array.of(-1n, 2n ** 62n) }],
      ['i32', { dtype: 'int32', shape: [1, 1], data: Int32Array.of(-7) }],
      ['u8', { dtype: 'uint8', shape: [5], data: Uint8Array.of(1, 2, 3, 4, 255) }],
      ['f16 "quoted" ü', { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) }],
      ['bf16', { dtype: 'bfloat16', shape: [1], data: Uint16Array.of(0x3f80) }],
      ['empty', { dtype: 'float32', shape: [0, 4], data: new Float32Array(0) }],
      ['__proto__', { dtype: 'uint8', shape: [1], data: Uint8Array.of(9) }],
    ];
    const bytes = encodeSafetensors(entries, { format: 'pt', note: 'a\nb' });
    expect(bytes.length % 1).toBe(0);
    const { tensors, metadata } = decodeSafetensors(bytes);
    expect([...tensors]).toEqual(entries.map(([n, e]) => [n, e]));
    expect(metadata).toEqual({ format: 'pt', note: 'a\nb' });
  });

  it('aligns every tensor to its element size', () => {
    const bytes = encodeSafetensors({
      a: { dtype: 'uint8', shape: [3], data: new Uint8Array(3) },
      b: { dtype: 'float64', shape: [1], data: new Float64Array(1) },
    });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect(JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))).toEqual({
      a: { dtype: 'U8', shape: [3], data_offsets: [8, 11] },
      b: { dtype: 'F64', shape: [1], data_offsets: [0, 8] },
    });
  });

  it('reads a file made by hand as the reference implementation writes it', () => {
    const bytes = file('{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   ', 8);
    new DataView(bytes.buffer).setFloat32(bytes.length - 8, 0.5, true);
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, -2, true);
    expect(decodeSafetensors(bytes).tensors.get('w')).toEqual({ dtype: 'float32', shape: [2], data: Float32Array.of(0.5, -2) });
  });

  it('an empty set of tensors is a file', () => {
    expect(decodeSafetensors(encodeSafetensors({})).tensors.size).toBe(0);
  });
});

describe('false claims are FormatErrors of one line', () => {
  it.each([
    ['too short', Uint8Array.of(1, 2, 3), /3 bytes, at least 8/],
    ['header beyond the file', file({}).subarray(0, 9), /truncated/],
    ['absurd header length', new Uint8Array(16).fill(255), /claim a header of 18446744073709551615 bytes/],
    ['no JSON', file('{"a":'), /not JSON/],
    ['invalid UTF-8', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe), /UTF-8/],
    ['an array', file([1]), /an object was expected/],
    ['tensor not an object', file({ a: 1 }), /'a' is not an object/],
    ['truncated data', file({ a: f32(0, 8) }, 4), /truncated.*'a' ends at byte/],
    ['huge claim', file({ a: f32(0, 2 ** 50) }, 4), /truncated/],
    ['data left over', file({ a: f32(0, 4) }, 8), /take 4 bytes, the file holds 8/],
    ['overlap', file({ a: f32(0, 8), b: f32(4, 12) }, 12), /overlap/],
    ['same span twice', file({ a: f32(0, 8), b: f32(0, 8) }, 8), /overlap/],
    ['gap', file({ a: f32(0, 4), b: f32(8, 12) }, 12), /gap/],
    ['end before begin', file({ a: { dtype: 'F32', shape: [0], data_offsets: [4, 0] } }, 4), /before it begins/],
    ['shape and span differ', file({ a: f32(0, 8, [3]) }, 8), /needs 12 bytes, its offsets span 8/],
    ['shape overflow', file({ a: f32(0, 8, [2 ** 40, 2 ** 40]) }, 8), /its offsets span 8/],
    ['negative size', file({ a: f32(0, 8, [-2]) }, 8), /a list of sizes was expected/],
    ['fraction', file({ a: f32(0, 8, [0.5]) }, 8), /a list of sizes was expected/],
    ['three offsets', file({ a: { dtype: 'F32', shape: [], data_offsets: [0, 4, 8] } }, 8), /\[begin, end\] was expected/],
    ['unknown dtype', file({ a: { dtype: 'F8_E4M3', shape: [4], data_offsets: [0, 4] } }, 4), /"F8_E4M3", which is not supported/],
    ['no dtype', file({ a: { shape: [4], data_offsets: [0, 4] } }, 4), /not supported/],
    [
      'duplicate name',
      file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061" : {"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1),
      /'a' occurs twice/,
    ],
    ['duplicate field', file('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1), /'dtype' occurs twice/],
    ['metadata that is no text', file({ __metadata__: { n: 1 } }), /__metadata__.n is not text/],
  ])('%s', (_name, bytes, pattern) => {
    expect(message(bytes)).toMatch(pattern);
  });

  it('a BOOL byte other than 0 and 1', () => {
    const bytes = file({ a: { dtype: 'BOOL', shape: [2], data_offsets: [0, 2] } }, 2);
    bytes[bytes.length - 1] = 7;
    expect(message(bytes)).toMatch(/its element 1 is the byte 7/);
  });
});

describe('entries that cannot be stored', () => {
  it('are FormatErrors that say which', () => {
    const one: ArrayEntry = { dtype: 'uint8', shape: [1], data: Uint8Array.of(1) };
    expect(() =>
      encodeSafetensors([
        ['a', one],
        ['a', one],
      ]),
    ).toThrow("two tensors are named 'a'");
    expect(() => encodeSafetensors({ __metadata__: one })).toThrow('keeps that name for itself');
    expect(() => encodeSafetensors({ a: { ...one, shape: [2] } })).toThrow('its shape [2] of uint8 needs 2');
    expect(() => encodeSafetensors({ a: one }, { n: 1 as unknown as string })).toThrow('metadata.n is of type number');
  });
});

describe('any damage', () => {
  it('is a FormatError or a file that still decodes, never another error', () => {
    const whole = encodeSafetensors(
      {
        'a.weight': { dtype: 'float32', shape: [2, 3], data: new Float32Array(6) },
        'a.flag': { dtype: 'bool', shape: [3], data: new Uint8Array(3) },
      },
      { format: 'pt' },
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(whole.length),
        (changes, length) => {
          const damaged = whole.slice(0, length > whole.length / 2 ? whole.length : length);
          for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value;
          try {
            decodeSafetensors(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
