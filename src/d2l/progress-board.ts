// ProgressBoard: curves that grow while a model trains. Each label averages n values before it draws a point.

import { type Axes, type Figure, lineFigure, type Point, type PointEvent } from '../plot/index.ts';
import { ValueError } from '../runtime/errors.ts';
import { HyperParameters } from './hyperparameters.ts';

/** The labels, limits, scales and size of the axes, as `plot` takes them, and how curves look. */
export interface ProgressBoardOptions extends Pick<Axes, 'xlabel' | 'ylabel' | 'xlim' | 'ylim' | 'xscale' | 'yscale' | 'figsize'> {
  /** Line style of each curve in turn: '-', '--', '-.', ':'. */
  ls?: readonly string[];
  /** Colour of each curve in turn: 'C0' to 'C9'. */
  colors?: readonly string[];
  /** Whether points are handed on as they come. */
  display?: boolean;
  /** Receives every point that is drawn: a live chart, a page, a log. */
  onPoint?: (event: PointEvent) => void;
}

/** A board with one curve per label. `data` holds the points drawn so far. Every option is a field and may be changed while it is used. */
export class ProgressBoard extends HyperParameters {
  declare xlabel: string | undefined;
  declare ylabel: string | undefined;
  declare xlim: readonly [number, number] | undefined;
  declare ylim: readonly [number, number] | undefined;
  declare xscale: 'linear' | 'log';
  declare yscale: 'linear' | 'log';
  declare ls: readonly string[];
  declare colors: readonly string[];
  declare figsize: readonly [number, number];
  declare display: boolean;
  declare onPoint: ((event: PointEvent) => void) | undefined;
  /** The curves: points of means, by label. */
  readonly data = new Map<string, Point[]>();
  readonly #waiting = new Map<string, Point[]>();

  constructor(options: ProgressBoardOptions = {}) {
    super();
    this.saveHyperparameters({
      xscale: 'linear',
      yscale: 'linear',
      ls: ['-', '--', '-.', ':'],
      colors: ['C0', 'C1', 'C2', 'C3'],
      figsize: [3.5, 2.5],
      display: true,
      ...options,
    });
  }

  /** Adds a value; after `everyN` values of a label their mean becomes a point of its curve, which is returned. */
  draw(x: number, y: number, label: string, { everyN = 1 }: { everyN?: number } = {}): Point | undefined {
    if (!(everyN > 0)) throw new ValueError(`ProgressBoard.draw: everyN is ${everyN}; a number of values above 0 was expected`);
    const waiting = this.#waiting.get(label) ?? [];
    this.#waiting.set(label, waiting);
    waiting.push({ x, y });
    if (waiting.length < Math.max(1, Math.floor(everyN))) return undefined;
    const n = waiting.length;
    const point = { x: waiting.reduce((s, p) => s + p.x, 0) / n, y: waiting.reduce((s, p) => s + p.y, 0) / n };
    waiting.length = 0;
    const line = this.data.get(label);
    if (line === undefined) this.data.set(label, [point]);
    else line.push(point);
    if (this.display) this.onPoint?.({ series: label, x: point.x, y: point.y });
    return point;
  }

  /** The curves as a figure. */
  figure(): Figure {
    const { xlabel, ylabel, xlim, ylim, xscale, yscale, figsize, ls, colors } = this;
    const format = (i: number): string => (colors[i % colors.length] ?? '') + (ls[i % ls.length] ?? '');
    return lineFigure(
      [...this.data].map(([name, points], i) => ({ name, points, format: format(i) })),
      { xlabel, ylabel, xlim, ylim, xscale, yscale, figsize },
    );
  }
}
