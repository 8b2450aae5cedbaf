// The safetensors format on plain typed arrays: 8 bytes of header length, a JSON header, then the tensors' bytes without gaps.
// Everything a file claims is checked against its size before memory is taken for it. Format: huggingface.co/docs/safetensors.

import { type DType, dtypeSize, type TypedArray, viewOf } from '../tensor/dtype.ts';
import { FormatError } from './errors.ts';
import { jsonKeys } from './json-keys.ts';

/** A tensor outside a device: its elements in row-major order. float16 and bfloat16 hold their raw bits in a Uint16Array, bool 0 or 1. */
export interface ArrayEntry {
  dtype: DType;
  shape: readonly number[];
  data: TypedArray;
}

/** Free text that goes with a file, for example `{ format: 'pt' }`. */
export type Metadata = Record<string, string>;

/** Where a file says that a tensor lies: bytes `begin` to `end` after the header. */
export interface EntrySpan {
  name: string;
  dtype: DType;
  shape: number[];
  begin: number;
  end: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  /** In the order of the header. */
  entries: EntrySpan[];
  metadata: Metadata;
  /** Byte of the file at which the tensors begin. */
  dataStart: number;
}

const nameOfDType: Record<DType, string> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  uint8: 'U8',
  bool: 'BOOL',
};
const dtypeOfName = new Map<string, DType>(Object.entries(nameOfDType).map(([d, n]) => [n, d as DType]));

// The reference reader refuses larger headers.
const maxHeader = 100_000_000;
const prefixLength = 8;

/** The bytes under a typed array. */
export const bytesOf = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const list = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** What a header says of a tensor. */
export type EntryShape = Pick<ArrayEntry, 'dtype' | 'shape'>;

/**
 * The header of a safetensors file (its length in front) and the order in which the tensors' bytes follow. The header keeps the
 * order of `entries`; the bytes are laid out by falling element size, so that every tensor is aligned.
 * Throws a FormatError for an entry that cannot be stored.
 */
export function safetensorsLayout(
  entries: readonly (readonly [string, EntryShape])[],
  metadata: Metadata = {},
): { head: Uint8Array; order: number[] } {
  const seen = new Set<string>();
  for (const [name, { dtype }] of entries) {
    if (name === '__metadata__') {
      throw new FormatError("safetensors: a tensor cannot be named '__metadata__', the format keeps that name for itself; rename it");
    }
    if (seen.has(name)) throw new FormatError(`safetensors: two tensors are named '${name}'; give each its own name`);
    seen.add(name);
    if (nameOfDType[dtype] === undefined) {
      throw new FormatError(
        `safetensors: '${name}' is ${dtype}, which the format lacks; cast it to one of ${[...dtypeOfName.values()].join(', ')}`,
      );
    }
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') {
      throw new FormatError(
        `safetensors: metadata.${key} is of type ${typeof value}; the format stores text only, pass String(value) or JSON.stringify(value)`,
      );
    }
  }
  const order = entries.map((_, i) => i).sort((i, j) => dtypeSize[entries[j][1].dtype] - dtypeSize[entries[i][1].dtype] || i - j);
  const spans: [number, number][] = new Array(entries.length);
  let at = 0;
  for (const i of order) spans[i] = [at, (at += byteLengthOf(entries[i][1]))];
  // Written by hand rather than from an object: an object would move names such as '0' to the front.
  const parts = entries.map(
    ([name, { dtype, shape }], i) =>
      `${JSON.stringify(name)}:${JSON.stringify({ dtype: nameOfDType[dtype], shape: [...shape], data_offsets: spans[i] })}`,
  );
  if (Object.keys(metadata).length > 0) parts.unshift(`"__metadata__":${JSON.stringify(metadata)}`);
  const json = new TextEncoder().encode(`{${parts.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > maxHeader) {
    throw new FormatError(
      `safetensors: the header would take ${padded} bytes, the format allows ${maxHeader}; split the tensors over several files or shorten the metadata`,
    );
  }
  const head = new Uint8Array(prefixLength + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(json, prefixLength);
  return { head, order };
}

const byteLengthOf = ({ dtype, shape }: EntryShape): number => shape.reduce((n, d) => n * d, dtypeSize[dtype]);

/** A whole safetensors file as bytes. Throws a FormatError for an entry that cannot be stored. */
export function encodeSafetensors(
  entries: Iterable<readonly [string, ArrayEntry]> | Readonly<Record<string, ArrayEntry>>,
  metadata: Metadata = {},
): Uint8Array<ArrayBuffer> {
  const all = [...(Symbol.iterator in entries ? entries : Object.entries(entries))] as (readonly [string, ArrayEntry])[];
  const { head, order } = safetensorsLayout(all, metadata);
  for (const [name, { dtype, shape, data }] of all) {
    const want = byteLengthOf({ dtype, shape });
    if (data.byteLength !== want) {
      throw new FormatError(
        `safetensors: '${name}' holds ${data.byteLength} bytes, its shape ${list(shape)} of ${dtype} needs ${want}; pass all elements and no more`,
      );
    }
  }
  const out = new Uint8Array(all.reduce((n, [, e]) => n + e.data.byteLength, head.length));
  out.set(head);
  let at = head.length;
  for (const i of order) {
    const { data } = all[i][1];
    out.set(bytesOf(data), at);
    at += data.byteLength;
  }
  return out;
}

/** Length of the header's JSON from the first 8 bytes, checked against the size of the file. `file` names it in errors. */
export function headerLength(prefix: Uint8Array, fileSize: number, file: string): number {
  if (fileSize < prefixLength)
    throw new FormatError(
      `${file}: not a safetensors file: it has ${fileSize} bytes, at least ${prefixLength} were expected; get the file again`,
    );
  const claimed = new DataView(prefix.buffer, prefix.byteOffset, prefixLength).getBigUint64(0, true);
  if (claimed > BigInt(maxHeader))
    throw new FormatError(
      `${file}: not a safetensors file: its first 8 bytes claim a header of ${claimed} bytes, the format allows ${maxHeader}; check that this is the right file`,
    );
  if (claimed > BigInt(fileSize - prefixLength)) {
    throw new FormatError(
      `${file}: truncated safetensors file: the header takes ${claimed} bytes, only ${fileSize - prefixLength} are there; get the file again`,
    );
  }
  return Number(claimed);
}

/** Parses and checks the header: dtypes, shapes, and spans that cover the rest of the file once, without gap or overlap. */
export function parseHeader(json: Uint8Array, fileSize: number, file: string): SafetensorsHeader {
  const fail = (what: string): never => {
    throw new FormatError(`${file}: bad safetensors header: ${what}; get the file again or write it anew`);
  };
  let header: unknown;
  let text = '';
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(json);
    header = JSON.parse(text);
  } catch {
    fail(`its ${json.length} bytes are not JSON in UTF-8`);
  }
  if (!isObject(header)) return fail('an object was expected');
  const keys = jsonKeys(text);
  if (keys.duplicate !== undefined) fail(`the key '${keys.duplicate}' occurs twice`);
  const dataStart = prefixLength + json.length;
  const dataSize = fileSize - dataStart;
  const metadata: Metadata = {};
  const entries: EntrySpan[] = [];
  for (const name of keys.outer) {
    const value = header[name];
    if (!isObject(value)) return fail(`'${name}' is not an object`);
    if (name === '__metadata__') {
      for (const [key, item] of Object.entries(value)) {
        if (typeof item !== 'string') return fail(`__metadata__.${key} is not text`);
        Object.defineProperty(metadata, key, { value: item, enumerable: true, writable: true, configurable: true });
      }
      continue;
    }
    const { dtype: dtypeName, shape, data_offsets: offsets } = value;
    const dtype = typeof dtypeName === 'string' ? dtypeOfName.get(dtypeName) : undefined;
    if (dtype === undefined) {
      throw new FormatError(
        `${file}: tensor '${name}' has dtype ${JSON.stringify(dtypeName)}, which is not supported (${[...dtypeOfName.keys()].join(', ')} are); convert the file first`,
      );
    }
    if (!isSizes(shape)) return fail(`the shape of '${name}' is ${JSON.stringify(shape)}, a list of sizes was expected`);
    if (!isSizes(offsets) || offsets.length !== 2)
      return fail(`data_offsets of '${name}' is ${JSON.stringify(offsets)}, [begin, end] was expected`);
    const [begin, end] = offsets as [number, number];
    const want = shape.reduce((n, d) => n * d, dtypeSize[dtype]);
    if (begin > end) return fail(`'${name}' ends at byte ${end} before it begins at ${begin}`);
    if (end > dataSize)
      throw new FormatError(
        `${file}: truncated safetensors file: tensor '${name}' ends at byte ${dataStart + end}, the file at ${fileSize}; get the file again`,
      );
    if (end - begin !== want)
      return fail(`'${name}' of shape ${list(shape)} and dtype ${dtypeName} needs ${want} bytes, its offsets span ${end - begin}`);
    entries.push({ name, dtype, shape, begin, end });
  }
  let at = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at)
      return fail(
        `'${name}' begins at byte ${begin} of the data where ${at} was expected (${begin < at ? 'tensors overlap' : 'there is a gap'})`,
      );
    at = end;
  }
  if (at !== dataSize) return fail(`the tensors take ${at} bytes, the file holds ${dataSize} after its header`);
  return { entries, metadata, dataStart };
}

/** The elements of one tensor from its bytes; copies, so that the result is aligned and does not keep the file alive. */
export function entryFromBytes({ name, dtype, shape }: EntrySpan, bytes: Uint8Array, file: string): ArrayEntry {
  const copy = new Uint8Array(bytes); // not slice(), which shares memory on a Buffer
  if (dtype === 'bool') {
    const bad = copy.findIndex((b) => b > 1);
    if (bad >= 0)
      throw new FormatError(
        `${file}: tensor '${name}' is BOOL, but its element ${bad} is the byte ${copy[bad]} where 0 or 1 was expected; write the file anew`,
      );
  }
  return { dtype, shape, data: viewOf(dtype, copy.buffer, 0, copy.byteLength / dtypeSize[dtype]) };
}

/**
 * Reads a whole safetensors file from bytes. `file` names it in errors.
 * Throws a FormatError when it is truncated, claims more than it holds, has overlapping tensors, duplicate names or unknown dtypes.
 */
export function decodeSafetensors(bytes: Uint8Array, file = 'safetensors'): { tensors: Map<string, ArrayEntry>; metadata: Metadata } {
  const length = headerLength(bytes, bytes.length, file);
  const { entries, metadata, dataStart } = parseHeader(bytes.subarray(prefixLength, prefixLength + length), bytes.length, file);
  const tensors = new Map(entries.map((e) => [e.name, entryFromBytes(e, bytes.subarray(dataStart + e.begin, dataStart + e.end), file)]));
  return { tensors, metadata };
}

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
const isSizes = (v: unknown): v is number[] => Array.isArray(v) && v.every((n) => Number.isSafeInteger(n) && n >= 0);
