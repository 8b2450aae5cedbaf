// A small anti-aliased polygon painter on a grey square image; the procedural image sets draw with it.
// Coverage is exact: signed areas of the edges are accumulated a row and summed up from the left.

/** A list of coordinates x0, y0, x1, y1, … in pixels, y downwards. */
export type Outline = readonly number[];

/** Affine placement of drawings: about the centre of the image, then shifted. */
export interface Pose {
  scaleX: number;
  scaleY: number;
  /** Radians, clockwise. */
  turn: number;
  shiftX: number;
  shiftY: number;
}

/** Grey values of a square image, 0 to 1 while drawing, painted over a black background. */
export class Painter {
  readonly size: number;
  readonly pixels: Float32Array;
  /** Tone of the material at each pixel; fills multiply it by their own tone. */
  readonly material: Float32Array;
  readonly #area: Float32Array;
  readonly #row: number;
  #m: readonly [number, number, number, number, number, number] = [1, 0, 0, 1, 0, 0];

  constructor(size: number) {
    this.size = size;
    this.pixels = new Float32Array(size * size);
    this.material = new Float32Array(size * size).fill(1);
    this.#row = size + 2;
    this.#area = new Float32Array(this.#row * size);
  }

  /** Blackens the image and sets the placement of what follows. */
  begin({ scaleX, scaleY, turn, shiftX, shiftY }: Pose): void {
    this.pixels.fill(0);
    const c = Math.cos(turn);
    const s = Math.sin(turn);
    const h = this.size / 2;
    const [a, b, d, e] = [c * scaleX, -s * scaleY, s * scaleX, c * scaleY];
    this.#m = [a, b, d, e, h + shiftX - a * h - b * h, h + shiftY - d * h - e * h];
  }

  /** Fills an outline with `tone` times the material. */
  fill(outline: Outline, tone: number): void {
    this.#paint(outline, tone, 0);
  }

  /** Cuts an outline out, back to the background. */
  cut(outline: Outline): void {
    this.#paint(outline, 0, 0);
  }

  /** Multiplies what is there within an outline: below 1 a shadow or a seam, above 1 a highlight. */
  shade(outline: Outline, factor: number): void {
    this.#paint(outline, 0, factor);
  }

  // pixel += coverage (tone material + (factor - 1) pixel): a fill has factor 0, a shade has tone 0.
  #paint(outline: Outline, tone: number, factor: number): void {
    const { size, pixels, material } = this;
    const area = this.#area;
    const [a, b, d, e, tx, ty] = this.#m;
    const n = outline.length;
    let top = size;
    let bottom = 0;
    let x0 = a * outline[n - 2] + b * outline[n - 1] + tx;
    let y0 = d * outline[n - 2] + e * outline[n - 1] + ty;
    for (let i = 0; i < n; i += 2) {
      const x1 = a * outline[i] + b * outline[i + 1] + tx;
      const y1 = d * outline[i] + e * outline[i + 1] + ty;
      this.#edge(x0, y0, x1, y1);
      if (y1 < top) top = y1;
      if (y1 > bottom) bottom = y1;
      x0 = x1;
      y0 = y1;
    }
    const first = Math.max(0, Math.floor(top));
    const last = Math.min(size, Math.ceil(bottom));
    for (let y = first; y < last; y++) {
      let sum = 0;
      const row = y * this.#row;
      for (let x = 0; x < size; x++) {
        sum += area[row + x];
        area[row + x] = 0;
        let coverage = sum < 0 ? -sum : sum;
        if (coverage < 0.004) continue;
        if (coverage > 1) coverage = 1;
        const at = y * size + x;
        const old = pixels[at];
        pixels[at] = old + coverage * (tone * material[at] + (factor - 1) * old);
      }
      area[row + size] = 0;
      area[row + size + 1] = 0;
    }
  }

  // Adds, for each row that the edge crosses, the signed area to its right within each pixel.
  #edge(xa: number, ya: number, xb: number, yb: number): void {
    if (ya === yb) return;
    const { size } = this;
    const direction = ya < yb ? 1 : -1;
    const [x0, y0, x1, y1] = ya < yb ? [xa, ya, xb, yb] : [xb, yb, xa, ya];
    const slope = (x1 - x0) / (y1 - y0);
    const last = Math.min(size, Math.ceil(y1));
    for (let y = Math.max(0, Math.floor(y0)); y < last; y++) {
      const from = Math.max(y0, y);
      const to = Math.min(y1, y + 1);
      const dy = to - from;
      if (dy <= 0) continue;
      const xf = clamp(x0 + (from - y0) * slope, 0, size);
      const xt = clamp(x0 + (to - y0) * slope, 0, size);
      const left = Math.min(xf, xt);
      const right = Math.max(xf, xt);
      const d = dy * direction;
      const i0 = Math.floor(left);
      const i1 = Math.ceil(right);
      const at = y * this.#row + i0;
      const area = this.#area;
      if (i1 <= i0 + 1) {
        const middle = (left + right) / 2 - i0;
        area[at] += d * (1 - middle);
        area[at + 1] += d * middle;
        continue;
      }
      // The edge crosses several pixels of this row: the area right of it grows from 0 to d; store its differences.
      const per = d / (right - left);
      let height = 0;
      let previous = 0;
      for (let i = i0; i < i1; i++) {
        const l = Math.max(left, i);
        const r = Math.min(right, i + 1);
        const part = per * (r - l);
        const covered = height + part * (1 - ((l + r) / 2 - i));
        area[y * this.#row + i] += covered - previous;
        previous = covered;
        height += part;
      }
      area[y * this.#row + i1] += d - previous;
    }
  }
}

const clamp = (v: number, low: number, high: number): number => (v < low ? low : Math.min(v, high));
