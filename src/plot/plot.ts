// `plot`: the book's one-line figure of curves, with matplotlib's vocabulary.
import { ShapeError } from '../runtime/errors.ts';
import type { Figure } from './figure.ts';
import { type Plottable, toSeries } from './input.ts';
import { type Axes, lineFigure } from './lines.ts';

export interface PlotOptions extends Axes {
  legend?: readonly string[];
  /** One format string a line, used in turn. */
  fmts?: readonly string[];
}

/** The book's four line styles: solid, then dashed, dash-dotted and dotted in colours of their own. */
export const bookFormats: readonly string[] = ['-', 'm--', 'g-.', 'r:'];

/**
 * Curves over common or own abscissas. `X` and `Y` are one sequence [n] or a list of sequences; with `X` alone its values are
 * drawn over 0, 1, 2, …; one `X` serves all of `Y`. Throws `ShapeError` where lengths disagree.
 */
export function plot(X: Plottable, Y?: Plottable | null, options: PlotOptions = {}): Figure {
  const { legend = [], fmts = bookFormats, ...axes } = options;
  const ys = toSeries(Y ?? X, Y === undefined || Y === null ? 'X' : 'Y');
  const given = Y === undefined || Y === null ? [] : toSeries(X, 'X');
  const xs = given.length === ys.length ? given : ys.map(() => given[0]);
  if (given.length > 1 && given.length !== ys.length) {
    throw new ShapeError(`X: has ${given.length} sequences and Y has ${ys.length}; give one X for all of Y, or one for each`);
  }
  const series = ys.map((y, i) => {
    const x = xs[i] ?? [];
    if (x.length > 0 && x.length !== y.length) {
      throw new ShapeError(`X: sequence ${i} has ${x.length} elements and Y's has ${y.length}; expected one length`);
    }
    return {
      name: legend[i],
      format: fmts.length > 0 ? fmts[i % fmts.length] : '',
      points: y.map((value, n) => ({ x: x.length > 0 ? x[n]! : n, y: value })),
    };
  });
  return lineFigure(series, axes);
}
