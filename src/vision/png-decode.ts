// Decodes PNG files (ISO/IEC 15948) on the host: all colour types, 1 to 16 bits, interlaced or not. Written here because masks need the
// palette's indices, which image libraries do not give, and because a browser's canvas changes colours that have an alpha value.

import { unzlibSync } from 'fflate';
import { crc32 } from '../io/crc32.ts';
import { FormatError } from '../io/errors.ts';

/** A decoded image: rows from the top, channels last. */
export interface DecodedPixels {
  width: number;
  height: number;
  /** 1 grey (or palette indices), 2 grey and alpha, 3 RGB, 4 RGBA. */
  channels: number;
  data: Uint8Array;
}

interface Header {
  width: number;
  height: number;
  depth: number;
  colorType: number;
  interlaced: boolean;
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
// Samples a pixel has, and the bit depths that the format allows, by colour type.
const samplesOf: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const depthsOf: Record<number, readonly number[]> = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
// Deflate expands at most 1032 times.
const maxExpansion = 1032;

/** True when the bytes begin as a PNG file does. */
export const isPng = (bytes: Uint8Array): boolean => signature.every((b, i) => bytes[i] === b);

/**
 * Decodes a PNG file; `file` names it in errors. With `indices` a palette image keeps its indices in place of colours. 16 bits are cut to the
 * upper 8. Throws a FormatError when the file is damaged, or claims more pixels than its bytes can hold.
 */
export function decodePng(bytes: Uint8Array, file = 'png', { indices = false }: { indices?: boolean } = {}): DecodedPixels {
  const fail: Fail = (what) => {
    throw new FormatError(`${file}: bad PNG file: ${what}; get the file again`);
  };
  if (!isPng(bytes)) throw new FormatError(`${file}: not a PNG file: it does not begin with \\x89PNG; check that this is the right file`);
  const { header, palette, alpha, body } = readChunks(bytes, fail);
  if (indices && header.colorType !== 3)
    throw new FormatError(`${file}: the image has no palette, so it has no indices; decode it with another mode`);
  const samples = samplesOf[header.colorType];
  const passes = header.interlaced ? adam7 : [[0, 0, 1, 1] as const];
  const parts = passes.map(([x0, y0, dx, dy]) => ({
    x0,
    y0,
    dx,
    dy,
    width: Math.ceil((header.width - x0) / dx),
    height: Math.ceil((header.height - y0) / dy),
  }));
  const lineBytes = (width: number): number => Math.ceil((width * samples * header.depth) / 8);
  const want = parts.reduce((n, p) => (p.width > 0 && p.height > 0 ? n + (1 + lineBytes(p.width)) * p.height : n), 0);
  if (want > body.length * maxExpansion)
    fail(`it claims ${header.width} x ${header.height} pixels, which ${body.length} packed bytes cannot hold`);
  let raw: Uint8Array;
  try {
    raw = unzlibSync(body, { out: new Uint8Array(want) });
  } catch (error) {
    return fail(`its pixels cannot be expanded (${error instanceof Error ? error.message : String(error)})`);
  }
  if (raw.length !== want) fail(`its pixels take ${raw.length} bytes, ${want} were expected`);
  const values = new Uint8Array(header.width * header.height * samples);
  let at = 0;
  for (const p of parts) {
    if (p.width === 0 || p.height === 0) continue;
    const line = lineBytes(p.width);
    unfilter(raw, at, line, p.height, Math.max(1, (samples * header.depth) >> 3), fail);
    for (let y = 0; y < p.height; y++) {
      const from = at + y * (line + 1) + 1;
      if (header.depth === 8 && !header.interlaced) {
        values.set(raw.subarray(from, from + line), y * line); // the common case: rows as they are
        continue;
      }
      unpack(raw, from, p.width * samples, header.depth, header.colorType === 3, (i, v) => {
        const pixel = Math.floor(i / samples);
        values[((p.y0 + y * p.dy) * header.width + p.x0 + pixel * p.dx) * samples + (i - pixel * samples)] = v;
      });
    }
    at += (line + 1) * p.height;
  }
  const { width, height } = header;
  if (header.colorType !== 3 || indices) return { width, height, channels: samples, data: values };
  return { width, height, ...applyPalette(values, palette ?? fail('it has no palette'), alpha, fail) };
}

type Fail = (what: string) => never;

// Adam7: first column, first row, step across, step down of each pass.
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

function readChunks(
  bytes: Uint8Array,
  fail: Fail,
): { header: Header; palette: Uint8Array | undefined; alpha: Uint8Array | undefined; body: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  let alpha: Uint8Array | undefined;
  const pieces: Uint8Array[] = [];
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) fail('it ends before its last chunk');
    const length = view.getUint32(at);
    if (length > bytes.length - at - 12) fail(`a chunk of ${length} bytes begins at byte ${at}, the file ends at ${bytes.length}`);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length))
      fail(`the checksum of its chunk ${printable(type)} is wrong`);
    at += 12 + length;
    if (header === undefined) {
      if (type !== 'IHDR' || length !== 13) fail('it does not begin with its header');
      header = readHeader(data, fail);
    } else if (type === 'PLTE') palette = data;
    else if (type === 'tRNS') alpha = data;
    else if (type === 'IDAT') pieces.push(data);
    else if (type === 'IEND') break;
    else if ((bytes[at - 12 - length + 4] & 0x20) === 0) fail(`its chunk ${printable(type)} is needed to read it, and unknown`);
  }
  if (pieces.length === 0) fail('it has no pixels');
  const body = new Uint8Array(pieces.reduce((n, p) => n + p.length, 0));
  let to = 0;
  for (const p of pieces) {
    body.set(p, to);
    to += p.length;
  }
  return { header, palette, alpha, body };
}

const printable = (type: string): string => JSON.stringify(type);

function readHeader(data: Uint8Array, fail: Fail): Header {
  const view = new DataView(data.buffer, data.byteOffset, 13);
  const [width, height, depth, colorType] = [view.getUint32(0), view.getUint32(4), data[8], data[9]];
  if (width === 0 || height === 0 || width > 0x7fffffff || height > 0x7fffffff) fail(`its size is ${width} x ${height}`);
  if (!depthsOf[colorType]?.includes(depth)) fail(`it has colour type ${colorType} with ${depth} bits, which the format does not know`);
  if (data[10] !== 0 || data[11] !== 0 || data[12] > 1) fail('its packing, filter or interlacing is unknown');
  return { width, height, depth, colorType, interlaced: data[12] === 1 };
}

/** Undoes the filters of the rows, in place; each row has the number of its filter in front. */
function unfilter(raw: Uint8Array, start: number, line: number, height: number, step: number, fail: Fail): void {
  for (let y = 0; y < height; y++) {
    const row = start + y * (line + 1);
    const kind = raw[row];
    const above = row - line - 1;
    if (kind > 4) fail(`a row has the filter ${kind}`);
    for (let i = 1; i <= line; i++) {
      const left = i > step ? raw[row + i - step] : 0;
      const up = y > 0 ? raw[above + i] : 0;
      if (kind === 1) raw[row + i] += left;
      else if (kind === 2) raw[row + i] += up;
      else if (kind === 3) raw[row + i] += (left + up) >> 1;
      else if (kind === 4) {
        const corner = y > 0 && i > step ? raw[above + i - step] : 0;
        const p = left + up - corner; // Paeth
        const [a, b, c] = [Math.abs(p - left), Math.abs(p - up), Math.abs(p - corner)];
        raw[row + i] += a <= b && a <= c ? left : b <= c ? up : corner;
      }
    }
  }
}

/** Gives the `n` samples of a row as bytes: grey of few bits is stretched to 0 … 255, palette indices are not. */
function unpack(raw: Uint8Array, from: number, n: number, depth: number, isIndex: boolean, put: (i: number, v: number) => void): void {
  if (depth === 8) for (let i = 0; i < n; i++) put(i, raw[from + i]);
  else if (depth === 16) for (let i = 0; i < n; i++) put(i, raw[from + 2 * i]);
  else {
    const mask = (1 << depth) - 1;
    const scale = isIndex ? 1 : 255 / mask;
    for (let i = 0; i < n; i++) {
      const bit = i * depth;
      put(i, ((raw[from + (bit >> 3)] >> (8 - depth - (bit & 7))) & mask) * scale);
    }
  }
}

function applyPalette(
  indices: Uint8Array,
  palette: Uint8Array,
  alpha: Uint8Array | undefined,
  fail: Fail,
): { channels: number; data: Uint8Array } {
  const colors = palette.length / 3;
  const channels = alpha === undefined ? 3 : 4;
  const data = new Uint8Array(indices.length * channels);
  for (let i = 0; i < indices.length; i++) {
    const k = indices[i];
    if (k >= colors) fail(`a pixel has colour ${k}, the palette has ${colors}`);
    for (let c = 0; c < 3; c++) data[i * channels + c] = palette[3 * k + c];
    if (alpha !== undefined) data[i * channels + 3] = alpha[k] ?? 255;
  }
  return { channels, data };
}
