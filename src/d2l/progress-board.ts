// ProgressBoard: curves that grow while a model trains. Each label averages n values before it draws a point.

import { type Figure, lineFigure, type Point, type PointEvent } from '../plot/index.ts';
import { HyperParameters } from './hyperparameters.ts';

export interface ProgressBoardOptions {
  xlabel?: string;
  ylabel?: string;
  xlim?: readonly [number, number];
  ylim?: readonly [number, number];
  /** Size of the figure in inches. */
  figsize?: readonly [number, number];
  /** Whether points are handed to `onPoint` as they come. */
  display?: boolean;
  /** Receives every point that is drawn: a live chart, a page, a log. */
  onPoint?: (event: PointEvent) => void;
}

/** A board with one curve per label. `data` holds the points drawn so far. */
export class ProgressBoard extends HyperParameters {
  declare xlabel: string | undefined;
  declare ylabel: string | undefined;
  declare display: boolean;
  declare onPoint: ((event: PointEvent) => void) | undefined;
  readonly data = new Map<string, Point[]>();
  readonly #raw = new Map<string, Point[]>();

  constructor(options: ProgressBoardOptions = {}) {
    super();
    this.saveHyperparameters({ display: true, figsize: [3.5, 2.5], ...options });
  }

  /** Adds a value; after `everyN` values of a label their mean becomes a point of its curve. */
  draw(x: number, y: number, label: string, { everyN = 1 }: { everyN?: number } = {}): void {
    let raw = this.#raw.get(label);
    if (raw === undefined) this.#raw.set(label, (raw = []));
    raw.push({ x, y });
    if (raw.length < Math.max(1, Math.floor(everyN))) return;
    const n = raw.length;
    const point = { x: raw.reduce((s, p) => s + p.x, 0) / n, y: raw.reduce((s, p) => s + p.y, 0) / n };
    raw.length = 0;
    const line = this.data.get(label);
    if (line === undefined) this.data.set(label, [point]);
    else line.push(point);
    if (this.display) this.onPoint?.({ series: label, x: point.x, y: point.y });
  }

  /** The curves as a figure. */
  figure(): Figure {
    return lineFigure(
      [...this.data].map(([name, points]) => ({ name, points })),
      { xlabel: this.xlabel, ylabel: this.ylabel },
    );
  }
}
