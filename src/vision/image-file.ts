// Image files and tensors: PNG and JPEG to uint8 [C, H, W] and back.

import { FormatError, LoadError } from '../io/errors.ts';
import { readFileBytes, writeFileAtomic } from '../io/files.ts';
import { hasNode } from '../io/node-modules.ts';
import { fromTyped, hostCopy } from '../ops/create.ts';
import { dense } from '../ops/raw.ts';
import { contiguous, permute } from '../ops/view.ts';
import { encodePng } from '../plot/png.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { decodeJpeg, encodeJpeg, isJpeg, withChannels } from './jpeg.ts';
import { type DecodedPixels, decodePng, isPng } from './png-decode.ts';

/**
 * What a decoded image holds: 'unchanged' the file's own channels (a palette becomes RGB), 'gray', 'rgb', 'rgba', or 'indices' the numbers
 * of the palette's colours, as masks of segmentation use them.
 */
export type ImageMode = 'unchanged' | 'gray' | 'rgb' | 'rgba' | 'indices';

/** Options of {@link readImage} and {@link decodeImage}. */
export interface ReadImageOptions {
  mode?: ImageMode;
}

const channelsOf: Partial<Record<ImageMode, number>> = { gray: 1, rgb: 3, rgba: 4 };

async function decodePixels(bytes: Uint8Array, file: string, mode: ImageMode): Promise<DecodedPixels> {
  if (isPng(bytes)) return decodePng(bytes, file, { indices: mode === 'indices' });
  if (!isJpeg(bytes)) throw new FormatError(`${file}: the image is neither PNG nor JPEG; convert it to one of them first`);
  if (mode === 'indices') throw new FormatError(`${file}: a JPEG file has no palette, so it has no indices; decode it with another mode`);
  return await decodeJpeg(bytes, file, { gray: mode === 'gray' });
}

/**
 * Decodes the bytes of a PNG or JPEG file to uint8 [C, H, W]; `file` names it in errors. Orientation notes and colour profiles are not
 * applied. Throws a FormatError when the file is damaged, of another kind, or claims more pixels than its bytes can hold.
 */
export async function decodeImage(
  bytes: Uint8Array,
  { mode = 'unchanged', file = 'image' }: ReadImageOptions & { file?: string } = {},
): Promise<Tensor> {
  if (!['unchanged', 'gray', 'rgb', 'rgba', 'indices'].includes(mode))
    throw new ValueError(`decodeImage: mode '${String(mode)}' is unknown; use unchanged, gray, rgb, rgba or indices`);
  const { width, height, channels, data } = await decodePixels(bytes, file, mode);
  const c = channelsOf[mode] ?? channels;
  const pixels = withChannels(data, channels, c);
  const planes = new Uint8Array(pixels.length);
  const n = width * height;
  for (let k = 0; k < c; k++) for (let i = 0, to = k * n; i < n; i++) planes[to + i] = pixels[i * c + k];
  return fromTyped(planes, [c, height, width]);
}

/** Reads a PNG or JPEG file (in a browser: from its URL) to uint8 [C, H, W]. LoadError when it cannot be read; otherwise as decodeImage. */
export async function readImage(path: string, { mode = 'unchanged' }: ReadImageOptions = {}): Promise<Tensor> {
  return await decodeImage(hasNode() ? await readFileBytes(path) : await fetchBytes(path), { mode, file: path });
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new LoadError(`could not read ${url}: ${error instanceof Error ? error.message : String(error)}; check the address`, url, {
      cause: error,
    });
  });
  if (!response.ok) throw new LoadError(`could not read ${url}: HTTP status ${response.status}; check the address`, url);
  return new Uint8Array(await response.arrayBuffer());
}

/** Options of {@link encodeImage} and {@link writeImage}. */
export interface WriteImageOptions {
  /** Default: by the file's name, else 'png'. */
  format?: 'png' | 'jpeg';
  /** Of JPEG, 1 to 100. Default 75. */
  quality?: number;
}

/**
 * Encodes an image, uint8 [C, H, W] with 1, 3 or (PNG) 4 channels, or [H, W]. Throws a ShapeError or DTypeError for anything else;
 * float images in 0 … 1 become bytes with ToImage.
 */
export async function encodeImage(img: Tensor, { format = 'png', quality = 75 }: WriteImageOptions = {}): Promise<Uint8Array> {
  if (format !== 'png' && format !== 'jpeg') throw new ValueError(`encodeImage: format '${String(format)}' is unknown; use png or jpeg`);
  if (!Number.isInteger(quality) || quality < 1 || quality > 100)
    throw new ValueError(`encodeImage: quality is ${quality}; a whole number from 1 to 100 was expected`);
  if (img.dtype !== 'uint8')
    throw new DTypeError(`encodeImage: img is ${img.dtype}; uint8 was expected, make it with ToImage or convertImageDtype`);
  const channels = img.ndim === 2 ? 1 : img.shape[0];
  if ((img.ndim !== 2 && img.ndim !== 3) || ![1, 3, 4].includes(channels) || (format === 'jpeg' && channels === 4) || img.numel === 0)
    throw new ShapeError(
      `encodeImage: img is ${show(img.shape)}; expected [H, W], [1, H, W], [3, H, W]${format === 'png' ? ' or [4, H, W]' : ''} with pixels`,
    );
  const [height, width] = img.shape.slice(-2);
  const last = img.ndim === 2 ? img : contiguous(permute(img, [1, 2, 0]));
  const data = hostCopy(dense(last)) as Uint8Array;
  if (format === 'jpeg') return await encodeJpeg({ width, height, channels, data }, quality);
  return encodePng({ width, height, channels: channels as 1 | 3 | 4, data });
}

/** Encodes an image into a file, by default in the format that its name says. SaveError when it cannot be written; otherwise as encodeImage. */
export async function writeImage(path: string, img: Tensor, options: WriteImageOptions = {}): Promise<void> {
  const format = options.format ?? (/\.jpe?g$/i.test(path) ? 'jpeg' : 'png');
  await writeFileAtomic(path, await encodeImage(img, { ...options, format }));
}
