// A procedural stand-in for Fashion-MNIST: the same shapes, classes and about the same difficulty, drawn by code without a file.
// It serves where the real images cannot be had; reports must say that it was used.

import { ValueError } from '../runtime/errors.ts';
import { ankleBoot, bag, sandal, sneaker } from './fashion-accessories.ts';
import { coat, dress, pullover, shirt, trouser, tShirt } from './fashion-garments.ts';
import { Painter } from './raster.ts';
import { Draw } from './standin-random.ts';

/** Class names of Fashion-MNIST in label order, as the book writes them. */
export const fashionLabels: readonly string[] = [
  't-shirt',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle boot',
];

const side = 28;
const columns = new Float64Array(3 * side);
const painters = [tShirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankleBoot];

/** Options of {@link fashionStandIn}. */
export interface StandInOptions {
  /** The training or the test part: different images of the same kind. Default true. */
  train?: boolean;
  /** Number of images. Default 60,000 for training, 10,000 for testing. */
  size?: number;
  /** Default 0. The same seed gives the same images everywhere. */
  seed?: number;
}

/**
 * Draws images of clothing: uint8 grey values [size, 28, 28], labels [size] from 0 to 9 in equal shares and random order.
 * The first images of a larger set are those of a smaller one. Throws a ValueError when size is no whole number.
 */
export function fashionStandIn({ train = true, size = train ? 60_000 : 10_000, seed = 0 }: StandInOptions = {}): {
  images: Uint8Array<ArrayBuffer>;
  labels: Uint8Array<ArrayBuffer>;
} {
  if (!Number.isSafeInteger(size) || size < 0)
    throw new ValueError(`size: ${size} is no number of images; pass a whole number of at least 0`);
  const images = new Uint8Array(size * side * side);
  const labels = new Uint8Array(size);
  const painter = new Painter(side);
  const key = seed * 2 + (train ? 0 : 1);
  const order = new Uint8Array(10);
  for (let i = 0; i < size; i++) {
    // Each ten images hold every class once: equal shares at any size.
    if (i % 10 === 0) shuffleClasses(order, new Draw(key, -1 - i));
    const draw = new Draw(key, i);
    const label = order[i % 10];
    labels[i] = label;
    paint(painter, label, draw);
    develop(painter.pixels, images, i * side * side, draw);
  }
  return { images, labels };
}

function shuffleClasses(order: Uint8Array, draw: Draw): void {
  for (let k = 0; k < 10; k++) order[k] = k;
  for (let k = 9; k > 0; k--) {
    const j = draw.int(0, k);
    const t = order[k];
    order[k] = order[j];
    order[j] = t;
  }
}

function paint(painter: Painter, label: number, draw: Draw): void {
  const shoe = label === 5 || label === 7 || label === 9;
  const upright = label === 8 ? 0.96 : 0.98;
  painter.begin({
    scaleX: draw.normal(1, shoe ? 0.015 : 0.035) * (shoe ? 0.98 : 1),
    scaleY: draw.normal(upright, 0.02),
    turn: draw.normal(0, shoe ? 0.035 : 0.018),
    shiftX: draw.normal(0, shoe ? 0.2 : 0.45),
    shiftY: draw.normal(0, 0.35),
  });
  // Shirts are checked and printed more often than the rest, shoes and trousers seldom.
  weave(painter.material, draw, label === 6 ? 0.42 : shoe || label === 8 || label === 1 ? 0.08 : 0.24);
  painters[label](painter, draw);
}

/** Fills the material: a base tone, folds and light from the side, and in a part of the items a pattern. */
function weave(material: Float32Array, draw: Draw, patterned: number): void {
  const base = draw.chance(0.2) ? draw.range(0.14, 0.45) : draw.range(0.55, 0.98);
  const light = draw.normal(0, 0.006);
  const fold = draw.range(0, 0.09);
  const [fx, fy, phase] = [draw.range(0.25, 0.9), draw.range(-0.25, 0.25), draw.range(0, 6.3)];
  const curve = draw.range(0, 0.0012);
  const kind = draw.chance(patterned) ? draw.pick([0.28, 0.24, 0.34, 0.14], ['stripes', 'check', 'print', 'blocks'] as const) : 'plain';
  const depth = draw.range(0.15, 0.65);
  const period = draw.range(2, 6.5);
  const width = draw.range(0.3, 0.6);
  const edge = draw.range(8, 17);
  const cells = kind === 'print' ? Float32Array.from({ length: 144 }, () => (draw.chance(0.5) ? 1 : draw.range(0, 1) * 0.6)) : undefined;
  const cell = draw.range(1.4, 3);
  const stripe = (v: number, by: number): number => (((v + phase) / period) % 1 < width ? 1 - by : 1);
  // All but the print is a sum of products of a row's and a column's factor: sin(a + b) = sin a cos b + cos a sin b.
  for (let x = 0; x < side; x++) {
    const across = kind === 'check' ? base * stripe(x, depth / 2) : base;
    columns[x * 3] = across * (1 + light * (x - 14) - curve * (x - 13.5) * (x - 13.5));
    columns[x * 3 + 1] = across * fold * Math.sin(fx * x + phase);
    columns[x * 3 + 2] = across * fold * Math.cos(fx * x + phase);
  }
  for (let y = 0; y < side; y++) {
    const down =
      kind === 'stripes' ? stripe(y, depth) : kind === 'check' ? stripe(y, depth / 2) : kind === 'blocks' && y < edge ? 1 - depth : 1;
    const [s, c] = [Math.sin(fy * y), Math.cos(fy * y)];
    for (let x = 0; x < side; x++) {
      let tone = down * (columns[x * 3] + columns[x * 3 + 1] * c + columns[x * 3 + 2] * s);
      if (cells !== undefined) tone *= 1 - depth * cells[(Math.floor(y / cell) % 12) * 12 + (Math.floor((x + 0.5 * y) / cell) % 12)];
      material[y * side + x] = tone;
    }
  }
}

/** From tones to grey values: fine grain on the item, none on the black background, now and then a gain as of another camera. */
function develop(pixels: Float32Array, out: Uint8Array, at: number, draw: Draw): void {
  const grain = draw.range(0.01, 0.06);
  const gain = 255 * draw.range(0.95, 1.1);
  let bits = 0;
  for (let k = 0; k < pixels.length; k++) {
    const v = pixels[k];
    if (v <= 0.004) continue;
    if ((bits & 0xffff) === bits) bits = draw.bits();
    const g = v * gain * (1 + grain * (((bits & 0xff) + ((bits >>> 8) & 0xff)) / 128 - 2));
    bits >>>= 16;
    out[at + k] = Math.min(g, 255);
  }
}
