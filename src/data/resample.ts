// Bilinear resizing of image planes on the host, with the rules of torchvision on images: triangle filter, widened by the scale
// when shrinking with antialias; uint8 in fixed point with rounding after each direction, as the Python image library does it.

/** Weights of one direction: output i is the sum of `count[i]` inputs from `first[i]`, weights from i * width. */
interface Taps {
  first: Int32Array;
  count: Int32Array;
  weights: Float64Array;
  width: number;
}

function taps(input: number, output: number, antialias: boolean): Taps {
  const scale = input / output;
  const stretch = antialias ? Math.max(scale, 1) : 1;
  const width = Math.ceil(stretch) * 2 + 1;
  const first = new Int32Array(output);
  const count = new Int32Array(output);
  const weights = new Float64Array(output * width);
  for (let i = 0; i < output; i++) {
    const centre = (i + 0.5) * scale;
    // Without antialias a centre beyond the outermost pixel takes that pixel alone; the clipped triangle, normalised, gives the same.
    const from = Math.max(0, Math.trunc(centre - stretch + 0.5));
    const to = Math.min(input, Math.trunc(centre + stretch + 0.5));
    let sum = 0;
    for (let k = from; k < to; k++) {
      const w = Math.max(0, 1 - Math.abs((k - centre + 0.5) / stretch));
      weights[i * width + k - from] = w;
      sum += w;
    }
    for (let k = 0; k < to - from; k++) weights[i * width + k] /= sum;
    first[i] = from;
    count[i] = to - from;
  }
  return { first, count, weights, width };
}

// Bits behind the binary point of the fixed-point weights: 8 bits of grey and 2 bits of headroom leave 22 of 32.
const fractionBits = 22;

/** One direction: `n` lines of `input` elements `step` apart become lines of `output`; line l begins at starts(l). */
function pass(
  src: ArrayLike<number>,
  dst: Uint8Array | Float32Array | Float64Array,
  t: Taps,
  lines: number,
  srcStart: (l: number) => number,
  dstStart: (l: number) => number,
  step: number,
): void {
  const exact = !(dst instanceof Uint8Array);
  const weights = exact ? t.weights : t.weights.map((w) => Math.round(w * 2 ** fractionBits));
  const half = 2 ** (fractionBits - 1);
  for (let l = 0; l < lines; l++) {
    const s0 = srcStart(l);
    const d0 = dstStart(l);
    for (let i = 0; i < t.first.length; i++) {
      let sum = 0;
      const base = s0 + t.first[i] * step;
      const w0 = i * t.width;
      for (let k = 0; k < t.count[i]; k++) sum += src[base + k * step] * weights[w0 + k];
      dst[d0 + i * step] = exact ? sum : Math.min(255, Math.max(0, Math.floor((sum + half) / 2 ** fractionBits)));
    }
  }
}

/**
 * Resizes `planes` images that follow one another, each `height` x `width` row-major, to `outHeight` x `outWidth`.
 * The result has the type of the source.
 */
export function resampleBilinear<A extends Uint8Array | Float32Array | Float64Array>(
  src: A,
  size: { planes: number; height: number; width: number; outHeight: number; outWidth: number },
  { antialias = true }: { antialias?: boolean } = {},
): A {
  const { planes, height, width, outHeight, outWidth } = size;
  const make = src.constructor as new (n: number) => A;
  let now = src;
  if (outWidth !== width) {
    const next = new make(planes * height * outWidth);
    pass(
      now,
      next,
      taps(width, outWidth, antialias),
      planes * height,
      (l) => l * width,
      (l) => l * outWidth,
      1,
    );
    now = next;
  }
  if (outHeight !== height) {
    const next = new make(planes * outHeight * outWidth);
    const start = (rows: number) => (l: number) => Math.floor(l / outWidth) * rows * outWidth + (l % outWidth);
    pass(now, next, taps(height, outHeight, antialias), planes * outWidth, start(height), start(outHeight), outWidth);
    now = next;
  }
  return now === src ? (src.slice() as A) : now;
}
