// Animator: the book's older live plot of several curves.

import { type Axes, bookFormats, type Figure, lineFigure, type Point, type PointEvent } from '../plot/index.ts';

export interface AnimatorOptions extends Pick<Axes, 'xlabel' | 'ylabel' | 'xlim' | 'ylim' | 'xscale' | 'yscale' | 'figsize'> {
  legend?: readonly string[];
  /** One matplotlib format a curve, used in turn. */
  fmts?: readonly string[];
  /** Receives every point. */
  onPoint?: (event: PointEvent) => void;
}

/** Collects points of several curves and draws them. */
export class Animator {
  readonly #options: AnimatorOptions;
  readonly lines: Point[][] = [];

  constructor(options: AnimatorOptions = {}) {
    this.#options = options;
  }

  #name(i: number): string {
    return this.#options.legend?.[i] ?? `curve ${i + 1}`;
  }

  /** Adds a point to each curve; null skips a curve. */
  add(x: number, y: number | null | readonly (number | null)[]): void {
    const ys = Array.isArray(y) ? (y as readonly (number | null)[]) : [y as number | null];
    ys.forEach((v, i) => {
      this.lines[i] ??= [];
      if (v === null) return;
      this.lines[i].push({ x, y: v });
      this.#options.onPoint?.({ series: this.#name(i), x, y: v });
    });
  }

  /** The curves as a figure. */
  figure(): Figure {
    const { legend, onPoint, fmts = bookFormats, ...axes } = this.#options;
    return lineFigure(
      this.lines.map((points, i) => ({ name: this.#name(i), points, format: fmts[i % fmts.length] })),
      axes,
    );
  }
}
