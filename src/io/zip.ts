// Zip archives: a reader that believes nothing (sizes, offsets and checksums are held against the file) and a writer that streams.
// npz files, PyTorch's files and downloaded data sets are zip archives. Format: PKWARE's APPNOTE 6.3.

import { deflateSync, inflateSync } from 'fflate';
import { crc32 } from './crc32.ts';
import { FormatError } from './errors.ts';

/** One file of an archive. */
export interface ZipEntry {
  name: string;
  /** 0 stored, 8 deflated. */
  method: 0 | 8;
  /** Bytes once expanded. */
  size: number;
  crc: number;
  /** True when the name ends in a slash. */
  isFolder: boolean;
  /** True for a symbolic link made on a Unix system; its contents are the target. */
  isLink: boolean;
  /** Where the packed bytes lie in the archive. */
  begin: number;
  end: number;
}

/** An archive whose directory was checked. */
export interface ZipArchive {
  readonly entries: readonly ZipEntry[];
  /** The contents of an entry: a window on the archive when stored, a new array when deflated. FormatError when they are damaged. */
  read(entry: ZipEntry): Uint8Array;
}

const endSignature = 0x06054b50;
const end64LocatorSignature = 0x07064b50;
const end64Signature = 0x06064b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const limit32 = 0xffffffff;
// Deflate expands at most 1032 times (258 bytes for 2 bits), plus a few bytes for an empty stream.
const maxExpansion = 1032;

/** True when the bytes begin as a zip archive does. */
export const isZip = (bytes: Uint8Array): boolean =>
  bytes.length >= 22 &&
  bytes[0] === 0x50 &&
  bytes[1] === 0x4b &&
  ((bytes[2] === 3 && bytes[3] === 4) || (bytes[2] === 5 && bytes[3] === 6));

/**
 * Reads the directory of a zip archive; `file` names it in errors. Throws a FormatError when it is truncated, when entries overlap,
 * have equal names or claim sizes that their bytes cannot expand to, when it is encrypted, split, or packed by another method than deflate.
 */
export function openZip(bytes: Uint8Array, file = 'zip'): ZipArchive {
  const fail = (what: string): never => {
    throw new FormatError(`${file}: bad zip archive: ${what}; get the file again`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { count, begin: directory, end: directoryEnd } = findDirectory(view, fail);
  const entries: ZipEntry[] = [];
  const spans: { begin: number; end: number; name: string }[] = [];
  const names = new Set<string>();
  let at = directory;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directoryEnd || view.getUint32(at, true) !== centralSignature) fail(`its directory ends after ${i} of ${count} entries`);
    const [madeBy, flags, method] = [view.getUint16(at + 4, true), view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [nameLength, extraLength, noteLength] = [28, 30, 32].map((o) => view.getUint16(at + o, true));
    const next = at + 46 + nameLength + extraLength + noteLength;
    if (next > directoryEnd) fail(`its directory ends after ${i} of ${count} entries`);
    const rawName = bytes.subarray(at + 46, at + 46 + nameLength);
    const name = decodeName(rawName, (flags & 0x800) !== 0);
    if (names.has(name)) fail(`two entries are named '${name}'`);
    names.add(name);
    if ((flags & 0x41) !== 0) fail(`'${name}' is encrypted, which is not supported`);
    if (method !== 0 && method !== 8)
      return fail(`'${name}' is packed by method ${method}; only 0 (stored) and 8 (deflated) are supported`);
    const wide = { packed: view.getUint32(at + 20, true), size: view.getUint32(at + 24, true), local: view.getUint32(at + 42, true) };
    readWideSizes(view, at + 46 + nameLength, extraLength, wide, () => fail(`the 64-bit sizes of '${name}' are incomplete`));
    const { packed, size, local } = wide;
    if (method === 0 && packed !== size) fail(`'${name}' is stored, but its sizes ${packed} and ${size} differ`);
    if (method === 8 && size > packed * maxExpansion)
      fail(`'${name}' claims ${size} bytes, its ${packed} packed bytes expand to ${packed * maxExpansion} at most`);
    if (local + 30 > directory || view.getUint32(local, true) !== localSignature) fail(`'${name}' is not where the directory says`);
    const localName = view.getUint16(local + 26, true);
    const begin = local + 30 + localName + view.getUint16(local + 28, true);
    if (begin + packed > directory) fail(`'${name}' takes bytes ${begin} to ${begin + packed}, the directory begins at ${directory}`);
    if (localName !== nameLength || rawName.some((b, k) => b !== bytes[local + 30 + k]))
      fail(`'${name}' has another name in its own header`);
    spans.push({ begin: local, end: begin + packed, name });
    const unix = madeBy >>> 8 === 3 ? view.getUint32(at + 38, true) >>> 16 : 0;
    entries.push({
      name,
      method,
      size,
      crc: view.getUint32(at + 16, true),
      isFolder: name.endsWith('/'),
      isLink: (unix & 0xf000) === 0xa000,
      begin,
      end: begin + packed,
    });
    at = next;
  }
  // Entries that share bytes let a small file expand to a huge one.
  spans.sort((a, b) => a.begin - b.begin);
  for (let i = 1; i < spans.length; i++)
    if (spans[i].begin < spans[i - 1].end) fail(`the entries '${spans[i - 1].name}' and '${spans[i].name}' overlap`);
  return { entries, read: (entry) => readEntry(bytes, entry, file) };
}

type Fail = (what: string) => never;

function findDirectory(view: DataView, fail: Fail): { count: number; begin: number; end: number } {
  const size = view.byteLength;
  let end = -1;
  for (let at = size - 22; at >= Math.max(0, size - 22 - 0xffff); at--) {
    if (view.getUint32(at, true) === endSignature && at + 22 + view.getUint16(at + 20, true) === size) {
      end = at;
      break;
    }
  }
  if (end < 0) fail(`no directory was found at the end of its ${size} bytes (it is truncated, or no zip archive)`);
  let count = view.getUint16(end + 10, true);
  let length = view.getUint32(end + 12, true);
  let begin = view.getUint32(end + 16, true);
  let limit = end;
  if (view.getUint16(end + 4, true) !== 0 && view.getUint16(end + 4, true) !== 0xffff) fail('it is one part of a split archive');
  const locator = end - 20;
  if (locator >= 0 && view.getUint32(locator, true) === end64LocatorSignature) {
    const at = Number(view.getBigUint64(locator + 8, true));
    if (at + 56 > locator || view.getUint32(at, true) !== end64Signature) fail('its 64-bit directory record is missing');
    count = Number(view.getBigUint64(at + 32, true));
    length = Number(view.getBigUint64(at + 40, true));
    begin = Number(view.getBigUint64(at + 48, true));
    limit = at;
  }
  if (begin + length > limit) fail(`its directory takes bytes ${begin} to ${begin + length}, which lie beyond its end`);
  if (count * 46 > length) fail(`its directory of ${length} bytes cannot hold ${count} entries`);
  return { count, begin, end: begin + length };
}

/** Replaces the sizes that read 2^32 - 1 by those of the 64-bit extra field. */
function readWideSizes(
  view: DataView,
  start: number,
  length: number,
  wide: { packed: number; size: number; local: number },
  fail: () => never,
): void {
  if (wide.packed !== limit32 && wide.size !== limit32 && wide.local !== limit32) return;
  for (let at = start; at + 4 <= start + length; ) {
    const bytes = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1) {
      let k = at + 4;
      const end = Math.min(k + bytes, start + length);
      const take = (): number => {
        if (k + 8 > end) return fail();
        k += 8;
        return Number(view.getBigUint64(k - 8, true));
      };
      if (wide.size === limit32) wide.size = take();
      if (wide.packed === limit32) wide.packed = take();
      if (wide.local === limit32) wide.local = take();
      return;
    }
    at += 4 + bytes;
  }
  fail();
}

function decodeName(raw: Uint8Array, utf8: boolean): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(raw);
  } catch {
    return new TextDecoder(utf8 ? 'utf-8' : 'latin1').decode(raw);
  }
}

function readEntry(bytes: Uint8Array, entry: ZipEntry, file: string): Uint8Array {
  const packed = bytes.subarray(entry.begin, entry.end);
  let out = packed;
  if (entry.method === 8) {
    try {
      out = inflateSync(packed, { out: new Uint8Array(entry.size) });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new FormatError(`${file}: the entry '${entry.name}' is damaged (${why}); get the file again`);
    }
  }
  if (out.length !== entry.size)
    throw new FormatError(
      `${file}: the entry '${entry.name}' expands to ${out.length} bytes, ${entry.size} were expected; get the file again`,
    );
  if (crc32(out) !== entry.crc)
    throw new FormatError(`${file}: the entry '${entry.name}' is damaged: its CRC-32 is not the one in the directory; get the file again`);
  return out;
}

/** A file for a new archive. */
export interface ZipSource {
  name: string;
  data: Uint8Array;
  /** Pack by deflate. Default false: stored. */
  deflate?: boolean;
  /** The contents begin at a multiple of so many bytes. Default 1. */
  align?: number;
}

/**
 * A zip archive in pieces to be written one after another; each source is read when its turn comes. Throws a FormatError for more than 4 GiB
 * or 65,535 entries. The time stamps are zip's first (1980), so equal contents make equal archives.
 */
export function* zipPieces(sources: Iterable<ZipSource>, file = 'zip'): Generator<Uint8Array> {
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, data, deflate = false, align = 1 } of sources) {
    const raw = new TextEncoder().encode(name);
    const packed = deflate ? deflateSync(data) : data;
    // Padding is an extra field of its own, as PyTorch writes it.
    const gap = (align - ((at + 30 + raw.length + 4) % align)) % align;
    const extra = align > 1 ? 4 + gap : 0;
    if (at + 30 + raw.length + extra + packed.length >= limit32 || data.length >= limit32)
      throw new FormatError(
        `${file}: a zip archive of this kind holds less than 4 GiB; save the tensors in several files, or as safetensors`,
      );
    const head = new Uint8Array(30 + raw.length + extra);
    const common = new DataView(new ArrayBuffer(26));
    common.setUint16(0, 20, true); // version needed
    common.setUint16(2, 0x800, true); // names are UTF-8
    common.setUint16(4, deflate ? 8 : 0, true);
    common.setUint16(8, 0x21, true); // 1980-01-01
    common.setUint32(10, crc32(data), true);
    common.setUint32(14, packed.length, true);
    common.setUint32(18, data.length, true);
    common.setUint16(22, raw.length, true);
    common.setUint16(24, extra, true);
    const view = new DataView(head.buffer);
    view.setUint32(0, localSignature, true);
    head.set(new Uint8Array(common.buffer), 4);
    head.set(raw, 30);
    if (extra > 0) {
      view.setUint16(30 + raw.length, 0x4246, true);
      view.setUint16(32 + raw.length, gap, true);
    }
    const record = new Uint8Array(46 + raw.length);
    const central = new DataView(record.buffer);
    central.setUint32(0, centralSignature, true);
    central.setUint16(4, 20, true);
    record.set(new Uint8Array(common.buffer), 6);
    central.setUint16(30, 0, true); // the padding stays out of the directory
    central.setUint32(42, at, true);
    record.set(raw, 46);
    directory.push(record);
    yield head;
    yield packed;
    at += head.length + packed.length;
  }
  if (directory.length > 0xffff) throw new FormatError(`${file}: a zip archive of this kind holds at most 65,535 entries`);
  const length = directory.reduce((n, r) => n + r.length, 0);
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, endSignature, true);
  view.setUint16(8, directory.length, true);
  view.setUint16(10, directory.length, true);
  view.setUint32(12, length, true);
  view.setUint32(16, at, true);
  yield* directory;
  yield end;
}

/** All pieces in one array. */
export function joinPieces(pieces: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> {
  const list = [...pieces];
  const out = new Uint8Array(list.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of list) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}
