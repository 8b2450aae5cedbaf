// Reads the safetensors file of a group on its own, so that the runner does not judge the library with the library's own reader.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { DType, TypedArray } from '../src/tensor/dtype.ts';

/** A tensor outside of the library: elements in row-major order, bool as 0 and 1. */
export interface HostArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

export class CaseFileError extends Error {
  override name = 'CaseFileError';
}

const formats: Readonly<Record<string, { dtype: DType; size: number; make: (b: ArrayBuffer) => TypedArray }>> = {
  F32: { dtype: 'float32', size: 4, make: (b) => new Float32Array(b) },
  F64: { dtype: 'float64', size: 8, make: (b) => new Float64Array(b) },
  I32: { dtype: 'int32', size: 4, make: (b) => new Int32Array(b) },
  I64: { dtype: 'int64', size: 8, make: (b) => new BigInt64Array(b) },
  U8: { dtype: 'uint8', size: 1, make: (b) => new Uint8Array(b) },
  BOOL: { dtype: 'bool', size: 1, make: (b) => new Uint8Array(b) },
};

const MAX_BYTES = 2 ** 31;
const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
const isSizes = (v: unknown): v is number[] => Array.isArray(v) && v.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);

/** The tensors of a file by name. CaseFileError, in one line, for anything that is not as the format says. */
export function readTensors(path: string): Map<string, HostArray> {
  const fail = (what: string): never => {
    throw new CaseFileError(`${path}: ${what}`);
  };
  let bytes: Buffer;
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    return fail(`cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`);
  }
  try {
    const size = fstatSync(fd).size;
    if (!fstatSync(fd).isFile()) return fail('is no file');
    if (size > MAX_BYTES) return fail(`has ${size} bytes; at most ${MAX_BYTES} are read`);
    bytes = Buffer.alloc(size);
    for (let at = 0; at < size; ) {
      const n = readSync(fd, bytes, at, size - at, at);
      if (n === 0) return fail('ended while it was read');
      at += n;
    }
  } finally {
    closeSync(fd);
  }
  if (bytes.length < 8) return fail(`has ${bytes.length} bytes; a safetensors file has at least 8`);
  const length = Number(bytes.readBigUInt64LE(0));
  if (length > bytes.length - 8) return fail(`says that its header has ${length} bytes, but ${bytes.length - 8} follow`);
  let header: unknown;
  try {
    header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  } catch {
    return fail('has a header that is no JSON');
  }
  if (!isObject(header)) return fail('has a header that is no object');
  const body = bytes.subarray(8 + length);
  const out = new Map<string, HostArray>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    if (
      !isObject(entry) ||
      typeof entry.dtype !== 'string' ||
      !isSizes(entry.shape) ||
      !isSizes(entry.data_offsets) ||
      entry.data_offsets.length !== 2
    )
      return fail(`'${name}': the entry needs dtype, shape and two data_offsets`);
    const format = Object.hasOwn(formats, entry.dtype) ? formats[entry.dtype] : undefined;
    if (format === undefined) return fail(`'${name}': dtype ${entry.dtype} is none of ${Object.keys(formats).join(', ')}`);
    const [begin, end] = entry.data_offsets;
    const want = entry.shape.reduce((n, d) => n * d, format.size);
    if (begin > end || end > body.length || end - begin !== want)
      return fail(`'${name}': bytes ${begin} to ${end} do not hold shape [${entry.shape.join(', ')}] of ${entry.dtype}`);
    // an own buffer: the bytes in the file need not be aligned
    const copy = new ArrayBuffer(want);
    new Uint8Array(copy).set(body.subarray(begin, end));
    out.set(name, { dtype: format.dtype, shape: entry.shape, data: format.make(copy) });
  }
  return out;
}
