// NumPy's files: .npy (one array) and .npz (a zip archive of them), read and written. Format: numpy.lib.format, versions 1 to 3.
// Arrays of Python objects and records are refused: nothing in a file is executed.

import { type DType, type TypedArray, viewOf } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { entryOf, listTensors, type TensorsByName, tensorOf } from './entries.ts';
import { FormatError } from './errors.ts';
import { readFileBytes, writeFileAtomic } from './files.ts';
import { type PythonLiteral, parsePythonLiteral } from './python-literal.ts';
import { type ArrayEntry, bytesOf } from './safetensors-format.ts';
import { isZip, joinPieces, openZip, type ZipSource, zipPieces } from './zip.ts';

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY

/** How elements of a descr (without its byte order) are read: the dtype here and, where NumPy's type is another, its widening. */
interface ElementType {
  size: number;
  dtype: DType;
  widen?: (view: DataView, at: number, little: boolean) => number | bigint;
}
const elementTypes: Record<string, ElementType> = {
  b1: { size: 1, dtype: 'bool' },
  u1: { size: 1, dtype: 'uint8' },
  i4: { size: 4, dtype: 'int32' },
  i8: { size: 8, dtype: 'int64' },
  f2: { size: 2, dtype: 'float16' },
  f4: { size: 4, dtype: 'float32' },
  f8: { size: 8, dtype: 'float64' },
  i1: { size: 1, dtype: 'int32', widen: (v, at) => v.getInt8(at) },
  i2: { size: 2, dtype: 'int32', widen: (v, at, little) => v.getInt16(at, little) },
  u2: { size: 2, dtype: 'int32', widen: (v, at, little) => v.getUint16(at, little) },
  u4: { size: 4, dtype: 'int64', widen: (v, at, little) => BigInt(v.getUint32(at, little)) },
  u8: { size: 8, dtype: 'int64', widen: (v, at, little) => v.getBigUint64(at, little) },
};
const descrOf: Partial<Record<DType, string>> = {
  bool: '|b1',
  uint8: '|u1',
  int32: '<i4',
  int64: '<i8',
  float16: '<f2',
  float32: '<f4',
  float64: '<f8',
};

interface NpyHeader {
  type: ElementType;
  little: boolean;
  fortran: boolean;
  shape: number[];
  dataStart: number;
}

function parseNpyHeader(bytes: Uint8Array, file: string): NpyHeader {
  const fail = (what: string): never => {
    throw new FormatError(`${file}: bad npy file: ${what}; get the file again or save it anew with numpy.save`);
  };
  if (bytes.length < 10 || magic.some((m, i) => bytes[i] !== m))
    throw new FormatError(`${file}: not an npy file: it does not begin with \\x93NUMPY; check that this is the right file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6];
  if (version < 1 || version > 3) fail(`its version is ${version}.${bytes[7]}; 1, 2 and 3 are known`);
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start) fail('it ends inside its header');
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > bytes.length - start) fail(`it claims a header of ${length} bytes, ${bytes.length - start} are there`);
  const text = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(bytes.subarray(start, start + length));
  let header: PythonLiteral = null;
  try {
    header = parsePythonLiteral(text);
  } catch (error) {
    fail(`its header cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
  if (!(header instanceof Map)) return fail('its header is no dictionary');
  const [descr, fortran, shape] = ['descr', 'fortran_order', 'shape'].map((k) => (header as Map<PythonLiteral, PythonLiteral>).get(k));
  if (typeof fortran !== 'boolean') return fail('fortran_order is no truth value');
  if (!Array.isArray(shape) || !shape.every((n): n is number => Number.isSafeInteger(n) && (n as number) >= 0))
    return fail('its shape is no tuple of sizes');
  if (Array.isArray(descr))
    throw new FormatError(
      `${file}: the array has records (structured dtype) as elements, which tensors cannot hold; save each field as an array of its own`,
    );
  if (typeof descr !== 'string') return fail('its descr is no text');
  const order = descr[0];
  const type = Object.hasOwn(elementTypes, descr.slice(1)) ? elementTypes[descr.slice(1)] : undefined;
  if (type === undefined || !'<>|='.includes(order)) {
    const why = descr.includes('O')
      ? 'which are Python objects; they are never read, since that could run code'
      : `which have no dtype here (${Object.keys(elementTypes).join(', ')} are read); convert the array with astype first`;
    throw new FormatError(`${file}: the array has elements of type '${descr}', ${why}`);
  }
  return { type, little: order !== '>', fortran, shape: shape as number[], dataStart: start + length };
}

/**
 * Reads the bytes of an .npy file, elements in row-major order. int8, int16 and uint16 widen to int32, uint32 and uint64 to int64.
 * `file` names it in errors. Throws a FormatError when it is truncated, holds objects or records, or values beyond int64.
 */
export function decodeNpy(bytes: Uint8Array, file = 'npy'): ArrayEntry {
  const { type, little, fortran, shape, dataStart } = parseNpyHeader(bytes, file);
  const numel = shape.reduce((n, d) => n * d, 1);
  const want = numel * type.size;
  const have = bytes.length - dataStart;
  if (have !== want)
    throw new FormatError(
      `${file}: bad npy file: shape ${show(shape)} takes ${want} bytes after the header, ${have} are there; get the file again`,
    );
  const body = bytes.subarray(dataStart);
  let data = type.widen === undefined ? straight(type, body, little) : widened(type, type.widen, body, numel, little, file);
  if (type.dtype === 'bool') {
    const bad = (data as Uint8Array).findIndex((b) => b > 1);
    if (bad >= 0) throw new FormatError(`${file}: bad npy file: element ${bad} of a bool array is the byte ${data[bad]}; save it anew`);
  }
  if (fortran && shape.length > 1) data = toRowMajor(type.dtype, data, shape);
  return { dtype: type.dtype, shape, data };
}

function straight(type: ElementType, body: Uint8Array, little: boolean): TypedArray {
  const copy = new Uint8Array(body); // not slice(), which shares memory on a Buffer
  if (!little && type.size > 1) swapBytes(copy, type.size);
  return viewOf(type.dtype, copy.buffer, 0, copy.length / type.size);
}

/** Turns the byte order of every element around, in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  for (let at = 0; at + size <= bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

function widened(
  type: ElementType,
  widen: NonNullable<ElementType['widen']>,
  body: Uint8Array,
  numel: number,
  little: boolean,
  file: string,
): TypedArray {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (type.dtype === 'int32') {
    const out = new Int32Array(numel);
    for (let i = 0; i < numel; i++) out[i] = widen(view, i * type.size, little) as number;
    return out;
  }
  const out = new BigInt64Array(numel);
  for (let i = 0; i < numel; i++) {
    const v = widen(view, i * type.size, little) as bigint;
    if (v >= 2n ** 63n)
      throw new FormatError(`${file}: element ${i} is ${v}, which is beyond int64; convert the array with astype('float64') first`);
    out[i] = v;
  }
  return out;
}

/** The elements of a column-major array in row-major order. */
function toRowMajor(dtype: DType, data: TypedArray, shape: readonly number[]): TypedArray {
  const out = viewOf(dtype, new ArrayBuffer(data.byteLength), 0, data.length) as Float64Array;
  const strides: number[] = [];
  for (let d = 0, step = 1; d < shape.length; step *= shape[d++]) strides.push(step);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = (data as Float64Array)[from];
    for (let d = shape.length - 1; d >= 0; d--) {
      from += strides[d];
      if (++index[d] < shape[d]) break;
      from -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

function npyPieces(name: string, { dtype, shape, data }: ArrayEntry): [Uint8Array, Uint8Array] {
  const descr = descrOf[dtype];
  if (descr === undefined)
    throw new FormatError(
      `npy: ${name} is ${dtype}, which NumPy lacks; cast it with .to('float32'), which is exact, or save it as safetensors`,
    );
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const total = Math.ceil((10 + text.length + 1) / 64) * 64;
  const head = new Uint8Array(total).fill(0x20);
  head.set([...magic, 1, 0]);
  new DataView(head.buffer).setUint16(8, total - 10, true);
  for (let i = 0; i < text.length; i++) head[10 + i] = text.charCodeAt(i);
  head[total - 1] = 0x0a;
  return [head, bytesOf(data)];
}

/** The bytes of an .npy file (version 1, row-major). FormatError for bfloat16, which NumPy lacks. */
export const encodeNpy = (entry: ArrayEntry): Uint8Array<ArrayBuffer> => joinPieces(npyPieces('the array', entry));

/** Reads an .npy file as numpy.load does. LoadError when the file cannot be read, FormatError when it is not what it claims. */
export async function loadNpy(path: string): Promise<Tensor> {
  return tensorOf(decodeNpy(await readFileBytes(path), path));
}

/** Writes a tensor as an .npy file. FormatError for bfloat16; SaveError when the file cannot be written, and what was there stays. */
export async function saveNpy(path: string, x: Tensor): Promise<void> {
  await writeFileAtomic(path, npyPieces('the tensor', entryOf(x)));
}

/** The arrays in the bytes of an .npz file by name, without the ending `.npy`. FormatError when it is not what it claims. */
export function decodeNpz(bytes: Uint8Array, file = 'npz'): Map<string, ArrayEntry> {
  if (!isZip(bytes)) throw new FormatError(`${file}: not an npz file: it is no zip archive; check that this is the right file`);
  const archive = openZip(bytes, file);
  const out = new Map<string, ArrayEntry>();
  for (const entry of archive.entries) {
    if (!entry.name.endsWith('.npy')) throw new FormatError(`${file}: not an npz file: its entry '${entry.name}' is no .npy file`);
    out.set(entry.name.slice(0, -4), decodeNpy(archive.read(entry), `${file}: ${entry.name}`));
  }
  return out;
}

/** Options of {@link saveNpz}. */
export interface NpzOptions {
  /** Pack the arrays by deflate, as numpy.savez_compressed does. Default false. */
  compress?: boolean;
}

function* npzSources(tensors: TensorsByName, compress: boolean): Generator<ZipSource> {
  for (const [name, t] of listTensors(tensors))
    yield { name: `${name}.npy`, data: joinPieces(npyPieces(`'${name}'`, entryOf(t))), deflate: compress };
}

/** The tensors in the bytes of an .npz file by name. FormatError when it is not what it claims. */
export const tensorsFromNpz = (bytes: Uint8Array, file = 'npz'): Map<string, Tensor> =>
  new Map([...decodeNpz(bytes, file)].map(([name, e]) => [name, tensorOf(e)]));

/** The bytes of an .npz file with these tensors. FormatError for bfloat16. */
export const tensorsToNpz = (tensors: TensorsByName, { compress = false }: NpzOptions = {}): Uint8Array<ArrayBuffer> =>
  joinPieces(zipPieces(npzSources(tensors, compress), 'npz'));

/** Reads an .npz file: its arrays by name. LoadError when the file cannot be read, FormatError when it is not what it claims. */
export async function loadNpz(path: string): Promise<Map<string, Tensor>> {
  return tensorsFromNpz(await readFileBytes(path), path);
}

/** Writes named tensors as an .npz file. FormatError for bfloat16; SaveError when the file cannot be written, and what was there stays. */
export async function saveNpz(path: string, tensors: TensorsByName, { compress = false }: NpzOptions = {}): Promise<void> {
  await writeFileAtomic(path, zipPieces(npzSources(tensors, compress), path));
}
