// Gzip with every claim of the file checked: its stated length against what deflate can expand to, and the length and CRC-32 at the end.

import { gunzipSync } from 'fflate';
import { crc32 } from '../io/crc32.ts';
import { DataError } from './errors.ts';

// Deflate expands at most 1032 times (RFC 1951: 258 bytes for 2 bits).
const maxExpansion = 1032;

/** True when the bytes begin as a gzip file does. */
export const isGzip = (bytes: Uint8Array): boolean => bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * Expands a gzip file of one member. `file` names it in errors.
 * Throws a DataError when it is truncated, damaged, or claims a length that its bytes cannot expand to.
 */
export function gunzip(bytes: Uint8Array, file: string): Uint8Array<ArrayBuffer> {
  const truncated = (why: string): DataError =>
    new DataError('truncated', `${file}: truncated or damaged gzip file: ${why}; delete the file and get it again`);
  if (!isGzip(bytes))
    throw new DataError(
      'format',
      `${file}: not a gzip file: it begins with ${hex(bytes, 2)}, 1f 8b was expected; check that this is the right file`,
    );
  if (bytes.length < 18) throw truncated(`it has ${bytes.length} bytes, at least 18 were expected`);
  const end = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 8, 8);
  const [crc, length] = [end.getUint32(0, true), end.getUint32(4, true)];
  if (length > bytes.length * maxExpansion)
    throw truncated(`its end claims ${length} bytes, ${bytes.length} compressed bytes expand to ${bytes.length * maxExpansion} at most`);
  const out = new Uint8Array(length);
  let got: Uint8Array<ArrayBuffer>;
  try {
    got = gunzipSync(bytes, { out });
  } catch (error) {
    throw truncated(error instanceof Error ? error.message : String(error));
  }
  if (got.length !== length) throw truncated(`it expands to ${got.length} bytes, its end claims ${length}`);
  if (crc32(got) !== crc) throw truncated('the CRC-32 of its contents is not the one at its end');
  return got;
}

/** The first `n` bytes as hexadecimal numbers. */
export const hex = (bytes: Uint8Array, n: number): string =>
  [...bytes.subarray(0, n)].map((b) => b.toString(16).padStart(2, '0')).join(' ') || 'nothing';
