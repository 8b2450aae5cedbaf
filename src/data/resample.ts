// Bilinear resizing of planes of bytes on the host, with the rules of torchvision on images: triangle filter, widened by the scale when
// shrinking with antialias; fixed point with rounding after each direction, as the Python image library does it.

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

// Sums become bytes. The weights are not negative and sum to 1 up to a unit or two of the last bit, so a byte cannot leave its range.
function store(sums: Float64Array, dst: Uint8Array, at: number): void {
  const half = 1 << (fractionBits - 1);
  for (let x = 0; x < sums.length; x++) dst[at + x] = (sums[x] + half) >> fractionBits;
}

/** Across: each of `lines` lines of `width` elements becomes one of t.first.length elements. */
function across(src: Uint8Array, dst: Uint8Array, t: Taps, lines: number, width: number): void {
  const sums = new Float64Array(t.first.length);
  const { first, count, weights } = t;
  for (let l = 0; l < lines; l++) {
    for (let i = 0; i < sums.length; i++) {
      const from = l * width + first[i];
      const w = i * t.width;
      let sum = 0;
      for (let k = 0; k < count[i]; k++) sum += src[from + k] * weights[w + k];
      sums[i] = sum;
    }
    store(sums, dst, l * sums.length);
  }
}

/** Down: each plane of `height` lines of `width` elements becomes one of t.first.length lines. */
function down(src: Uint8Array, dst: Uint8Array, t: Taps, planes: number, height: number, width: number): void {
  const sums = new Float64Array(width);
  const outHeight = t.first.length;
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < outHeight; i++) {
      sums.fill(0);
      for (let k = 0; k < t.count[i]; k++) {
        const from = (p * height + t.first[i] + k) * width;
        const w = t.weights[i * t.width + k];
        for (let x = 0; x < width; x++) sums[x] += src[from + x] * w;
      }
      store(sums, dst, (p * outHeight + i) * width);
    }
  }
}

/** Resizes `planes` images that follow one another, each `height` x `width` row-major, to `outHeight` x `outWidth`. */
export function resampleBytes(
  src: Uint8Array,
  size: { planes: number; height: number; width: number; outHeight: number; outWidth: number },
  { antialias = true }: { antialias?: boolean } = {},
): Uint8Array {
  const { planes, height, width, outHeight, outWidth } = size;
  const weigh = (from: number, to: number): Taps => {
    const t = taps(from, to, antialias);
    return { ...t, weights: t.weights.map((w) => Math.round(w * 2 ** fractionBits)) };
  };
  let now = src;
  if (outWidth !== width) {
    const next = new Uint8Array(planes * height * outWidth);
    across(now, next, weigh(width, outWidth), planes * height, width);
    now = next;
  }
  if (outHeight !== height) {
    const next = new Uint8Array(planes * outHeight * outWidth);
    down(now, next, weigh(height, outHeight), planes, height, outWidth);
    now = next;
  }
  return now === src ? src.slice() : now;
}
