// Reads IDX files, the format of MNIST and Fashion-MNIST: two zero bytes, a dtype code, the number of dimensions, big-endian
// sizes, then the elements. Plain or gzip; the sizes are checked against the file before memory is taken for the elements.

import type { DType } from '../tensor/dtype.ts';
import { DataError } from './errors.ts';
import { gunzip, hex, isGzip } from './gzip.ts';

/** The contents of an IDX file, elements in row-major order. */
export interface IdxArray {
  shape: number[];
  dtype: DType;
  data: Uint8Array | Int32Array | Float32Array | Float64Array;
}

interface IdxType {
  dtype: DType;
  size: number;
  read(view: DataView, at: number): number;
  make(n: number): Int32Array | Float32Array | Float64Array;
}

// The format also has signed bytes and 16-bit integers; both widen to int32.
const types: Record<number, IdxType> = {
  9: { dtype: 'int32', size: 1, read: (v, at) => v.getInt8(at), make: (n) => new Int32Array(n) },
  11: { dtype: 'int32', size: 2, read: (v, at) => v.getInt16(at), make: (n) => new Int32Array(n) },
  12: { dtype: 'int32', size: 4, read: (v, at) => v.getInt32(at), make: (n) => new Int32Array(n) },
  13: { dtype: 'float32', size: 4, read: (v, at) => v.getFloat32(at), make: (n) => new Float32Array(n) },
  14: { dtype: 'float64', size: 8, read: (v, at) => v.getFloat64(at), make: (n) => new Float64Array(n) },
};
const unsignedByte = 8;

/**
 * Parses an IDX file (gzip or plain) from its bytes; `file` names it in errors, `dims` is the number of dimensions expected.
 * Throws a DataError for a file that is truncated, too long, of another format, or of an unknown element type.
 */
export function parseIdx(input: Uint8Array, file = 'IDX data', { dims }: { dims?: number } = {}): IdxArray {
  const bytes = isGzip(input) ? gunzip(input, file) : input;
  if (bytes.length < 4)
    throw new DataError(
      'truncated',
      `${file}: truncated IDX file: it has ${bytes.length} bytes, a header of at least 4 was expected; delete the file and get it again`,
    );
  if (bytes[0] !== 0 || bytes[1] !== 0) {
    throw new DataError(
      'format',
      `${file}: not an IDX file: it begins with ${hex(bytes, 4)}, 00 00 was expected; check that this is the right file`,
    );
  }
  const code = bytes[2];
  const ndim = bytes[3];
  const type = types[code];
  if (type === undefined && code !== unsignedByte) {
    throw new DataError(
      'format',
      `${file}: unsupported IDX element type 0x${code.toString(16).padStart(2, '0')}; 0x08, 0x09, 0x0b, 0x0c, 0x0d and 0x0e are supported; check that this is the right file`,
    );
  }
  if (ndim === 0 || (dims !== undefined && ndim !== dims)) {
    throw new DataError(
      'format',
      `${file}: an IDX file of ${ndim} dimensions, ${dims ?? 'at least 1'} expected; check that images and labels are not exchanged`,
    );
  }
  const start = 4 + 4 * ndim;
  if (bytes.length < start)
    throw new DataError(
      'truncated',
      `${file}: truncated IDX file: it has ${bytes.length} bytes, its header takes ${start}; delete the file and get it again`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: ndim }, (_, d) => view.getUint32(4 + 4 * d));
  const numel = shape.reduce((n, d) => n * d, 1);
  const elementSize = type?.size ?? 1;
  const want = numel * elementSize;
  const have = bytes.length - start;
  if (have < want) {
    throw new DataError(
      'truncated',
      `${file}: truncated IDX file: shape [${shape.join(', ')}] takes ${want} bytes after the header, ${have} are there; delete the file and get it again`,
    );
  }
  if (have > want) {
    throw new DataError(
      'format',
      `${file}: IDX file with ${have - want} bytes too many: shape [${shape.join(', ')}] takes ${want} after the header, ${have} are there; delete the file and get it again`,
    );
  }
  if (type === undefined) return { shape, dtype: 'uint8', data: bytes.subarray(start) };
  const data = type.make(numel);
  for (let i = 0; i < numel; i++) data[i] = type.read(view, start + i * elementSize);
  return { shape, dtype: type.dtype, data };
}
