// JPEG files: the size that a file claims is held against its bytes here; pixels are decoded by sharp in Node, by the browser there.

import { FormatError } from '../io/errors.ts';
import { hasNode } from '../io/node-modules.ts';
import { FathomError } from '../runtime/errors.ts';
import type { DecodedPixels } from './png-decode.ts';

/** What the frame header of a JPEG file says. */
export interface JpegHeader {
  width: number;
  height: number;
  /** 1 grey, 3 colour, 4 print colours. */
  components: number;
}

/** True when the bytes begin as a JPEG file does. */
export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

// A block of 8 x 8 pixels takes at least one bit of Huffman code, so a byte holds 512 pixels at most.
const pixelsPerByte = 512;

/** Reads the frame header. Throws a FormatError when there is none, or when the file cannot hold so many pixels. */
export function jpegHeader(bytes: Uint8Array, file: string): JpegHeader {
  const fail = (what: string): never => {
    throw new FormatError(`${file}: bad JPEG file: ${what}; get the file again`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) fail(`a marker was expected at byte ${at}`);
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++; // filling
      continue;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    if (marker === 0xd9 || marker === 0xda) break;
    const length = view.getUint16(at + 2);
    if (length < 2 || at + 2 + length > bytes.length) fail(`a segment of ${length} bytes at byte ${at} leaves the file`);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) {
      if (length < 8) fail('its frame header is too short');
      const header = { height: view.getUint16(at + 5), width: view.getUint16(at + 7), components: bytes[at + 9] };
      if (header.width === 0 || header.height === 0) fail(`its size is ${header.width} x ${header.height}`);
      if (![1, 3, 4].includes(header.components)) fail(`it has ${header.components} colour components`);
      if (header.width * header.height > bytes.length * pixelsPerByte)
        fail(`it claims ${header.width} x ${header.height} pixels, which ${bytes.length} bytes cannot hold`);
      return header;
    }
    at += 2 + length;
  }
  return fail('it ends before its frame header');
}

/** Decodes a JPEG file to grey (when `gray`, or when it is a grey image) or RGB. Throws a FormatError when it is damaged. */
export async function decodeJpeg(bytes: Uint8Array, file = 'jpeg', { gray = false }: { gray?: boolean } = {}): Promise<DecodedPixels> {
  const header = jpegHeader(bytes, file);
  const channels = gray || header.components === 1 ? 1 : 3;
  const decode = hasNode() ? decodeInNode : decodeInBrowser;
  const found = await decode(bytes, file);
  if (found.width !== header.width || found.height !== header.height)
    throw new FormatError(
      `${file}: bad JPEG file: it decodes to ${found.width} x ${found.height} pixels, its header says ${header.width} x ${header.height}; get the file again`,
    );
  return { ...found, channels, data: withChannels(found.data, found.channels, channels) };
}

/** Pixels with another number of channels: alpha is dropped or made opaque, grey is ITU-R 601 luma in the integers of the Python image library. */
export function withChannels(data: Uint8Array, from: number, to: number): Uint8Array {
  if (from === to) return data;
  const n = data.length / from;
  const out = new Uint8Array(n * to);
  for (let i = 0; i < n; i++) {
    const [a, b, c] =
      from < 3 ? [data[i * from], data[i * from], data[i * from]] : [data[i * from], data[i * from + 1], data[i * from + 2]];
    const alpha = from === 2 || from === 4 ? data[i * from + from - 1] : 255;
    if (to < 3) out[i * to] = from < 3 ? a : (a * 19595 + b * 38470 + c * 7471 + 0x8000) >> 16;
    else out.set([a, b, c], i * to);
    if (to === 2 || to === 4) out[i * to + to - 1] = alpha;
  }
  return out;
}

/** sharp, loaded on first use. The name is not a literal in the import, so that browser bundlers leave it alone. */
async function loadSharp(): Promise<typeof import('sharp').default> {
  const specifier: string = 'sharp';
  try {
    const module = (await import(/* @vite-ignore */ specifier)) as { default: typeof import('sharp').default };
    return module.default;
  } catch (error) {
    throw new FathomError("JPEG files need the package 'sharp', which could not be loaded; install it with npm install sharp", {
      cause: error,
    });
  }
}

async function decodeInNode(bytes: Uint8Array, file: string): Promise<DecodedPixels> {
  const sharp = await loadSharp();
  try {
    const { data, info } = await sharp(bytes, { failOn: 'error', ignoreIcc: true, limitInputPixels: false })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return {
      width: info.width,
      height: info.height,
      channels: info.channels,
      data: new Uint8Array(data.buffer, data.byteOffset, data.length),
    };
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ');
    throw new FormatError(`${file}: bad JPEG file: ${why}; get the file again`, { cause: error });
  }
}

async function decodeInBrowser(bytes: Uint8Array, file: string): Promise<DecodedPixels> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: 'image/jpeg' }), {
      colorSpaceConversion: 'none',
      imageOrientation: 'none',
    });
  } catch (error) {
    throw new FormatError(`${file}: bad JPEG file: the browser cannot decode it; get the file again`, { cause: error });
  }
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (context === null) throw new FathomError('decodeImage: this browser gives no 2d canvas; decode images elsewhere');
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, channels: 4, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
}

/** Encodes grey or RGB pixels, channels last. */
export async function encodeJpeg({ width, height, channels, data }: DecodedPixels, quality: number): Promise<Uint8Array> {
  if (hasNode()) {
    const sharp = await loadSharp();
    const image = sharp(data, { raw: { width, height, channels: channels as 1 | 3 } }).toColourspace(channels === 1 ? 'b-w' : 'srgb');
    const out = await image.jpeg({ quality }).toBuffer();
    return new Uint8Array(out.buffer, out.byteOffset, out.length);
  }
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  if (context === null) throw new FathomError('encodeImage: this browser gives no 2d canvas; encode as png instead');
  context.putImageData(new ImageData(new Uint8ClampedArray(withChannels(data, channels, 4)), width, height), 0, 0);
  return new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg', quality: quality / 100 })).arrayBuffer());
}
