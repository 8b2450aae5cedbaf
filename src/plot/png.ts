// Encodes pixels as PNG (RFC 2083): 8 bits a channel, grey, RGB or RGBA. Small enough to need no image library, in Node and the browser.
import { zlibSync } from 'fflate';
import { crc32 } from '../io/crc32.ts';
import { ShapeError } from '../runtime/errors.ts';

export interface Pixels {
  width: number;
  height: number;
  /** 1 grey, 3 RGB, 4 RGBA. */
  channels: 1 | 3 | 4;
  /** Rows from the top, channels last: width * height * channels bytes. */
  data: Uint8Array | Uint8ClampedArray;
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const colorTypes = { 1: 0, 3: 2, 4: 6 } as const;

/** The image as a PNG file. Throws `ShapeError` when `data` does not fit the sizes. */
export function encodePng({ width, height, channels, data }: Pixels): Uint8Array {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new ShapeError(`encodePng: the size is ${width} x ${height}; expected whole numbers of at least 1`);
  }
  if (colorTypes[channels] === undefined)
    throw new ShapeError(`encodePng: channels is ${channels}; expected 1 (grey), 3 (RGB) or 4 (RGBA)`);
  if (data.length !== width * height * channels) {
    throw new ShapeError(`encodePng: data has ${data.length} bytes; ${width} x ${height} x ${channels} needs ${width * height * channels}`);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, colorTypes[channels], 0, 0, 0], 8);
  const body = zlibSync(filterRows(data, width * channels, height, channels), { level: 9 });
  return join([Uint8Array.from(signature), chunk('IHDR', header), chunk('IDAT', body), chunk('IEND', new Uint8Array(0))]);
}

/** The image as a `data:image/png;base64,…` address. */
export function pngDataUri(pixels: Pixels): string {
  const bytes = encodePng(pixels);
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return `data:image/png;base64,${btoa(text)}`;
}

// Each row is sent as differences to its neighbours by one of five filters; the one with the smallest sum of magnitudes
// is the usual guess at what deflate packs best (RFC 2083, section 9.6).
function filterRows(data: ArrayLike<number>, stride: number, height: number, step: number): Uint8Array {
  const out = new Uint8Array((stride + 1) * height);
  const trial = new Uint8Array(stride);
  for (let row = 0; row < height; row++) {
    const start = row * stride;
    let best = Number.POSITIVE_INFINITY;
    for (let filter = 0; filter < 5; filter++) {
      let sum = 0;
      for (let i = 0; i < stride; i++) {
        const left = i >= step ? data[start + i - step]! : 0;
        const up = row > 0 ? data[start - stride + i]! : 0;
        const corner = row > 0 && i >= step ? data[start - stride + i - step]! : 0;
        const value = (data[start + i]! - predict(filter, left, up, corner)) & 255;
        trial[i] = value;
        sum += value < 128 ? value : 256 - value;
      }
      if (sum < best) {
        best = sum;
        out[row * (stride + 1)] = filter;
        out.set(trial, row * (stride + 1) + 1);
      }
    }
  }
  return out;
}

function predict(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const p = left + up - corner; // Paeth
  const [a, b, c] = [Math.abs(p - left), Math.abs(p - up), Math.abs(p - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

// Length, four letters, data, checksum of letters and data.
function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) out[4 + i] = type.charCodeAt(i);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

function join(parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
