// Builds the Vega-Lite view of a line figure: series with colours, dashes and markers, linear or logarithmic axes, a legend.
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { Figure, type VegaLiteSpec } from './figure.ts';
import { type LineFormat, parseFormat } from './theme.ts';

export type AxisScale = 'linear' | 'log';

export interface Axes {
  title?: string;
  xlabel?: string;
  ylabel?: string;
  /** Limits of the axis; by default they hold all points. */
  xlim?: readonly [number, number];
  ylim?: readonly [number, number];
  xscale?: AxisScale;
  yscale?: AxisScale;
  /** Outer size in inches of 96 pixels, as in matplotlib. */
  figsize?: readonly [number, number];
  /** What the figure shows, in words; by default made from labels and legend. */
  description?: string;
}

export interface Point {
  x: number;
  y: number;
}

export interface Series {
  /** Name in the legend; series without names get no legend. */
  name?: string;
  points: readonly Point[];
  /** matplotlib's format string, such as 'C1--' or 'ro'. */
  format?: string;
}

let defaultSize: readonly [number, number] = [3.5, 2.5];

/** Sets the size, in inches of 96 pixels, of figures that do not name their own. */
export function setFigsize(figsize: readonly [number, number] = [3.5, 2.5]): void {
  checkPair(figsize, 'figsize');
  defaultSize = figsize;
}

/** Outer size in pixels for `figsize` or the default. */
export function pixelSize(figsize: readonly [number, number] = defaultSize): { width: number; height: number } {
  checkPair(figsize, 'figsize');
  return { width: Math.round(figsize[0] * 96), height: Math.round(figsize[1] * 96) };
}

/** Figure of one or more lines. Points that are not finite, or not positive on a logarithmic axis, leave a gap. */
export function lineFigure(series: readonly Series[], axes: Axes = {}): Figure {
  const { xscale = 'linear', yscale = 'linear' } = axes;
  checkScale(xscale, 'xscale');
  checkScale(yscale, 'yscale');
  if (axes.xlim) checkPair(axes.xlim, 'xlim');
  if (axes.ylim) checkPair(axes.ylim, 'ylim');
  const named = series.some((line) => line.name !== undefined && line.name !== '');
  const keys = series.map((line, i) => line.name || `line ${i + 1}`);
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (twice !== undefined) throw new ValueError(`legend: '${twice}' names two lines; give each its own name`);
  const formats = series.map((line, i) => parseFormat(line.format ?? '', i));
  const values = series.flatMap((line, s) =>
    line.points.map(({ x, y }, i) => ({ i, s: keys[s], x: place(x, xscale), y: place(y, yscale) })),
  );
  const color = {
    field: 's',
    type: 'nominal',
    scale: { domain: keys, range: formats.map((format) => format.color) },
    legend: named ? legend(formats) : null,
  };
  const outside = (limits: readonly [number, number] | undefined, axis: 'x' | 'y') =>
    limits !== undefined &&
    values.some((row) => row[axis] !== null && (row[axis] < Math.min(...limits) || row[axis] > Math.max(...limits)));
  const clip = outside(axes.xlim, 'x') || outside(axes.ylim, 'y'); // else markers on the frame would be cut in half
  const padding = formats.some((format) => format.marker !== null) ? 6 : 0; // markers stand clear of the frame
  const x = channel('x', values, { title: axes.xlabel, limits: axes.xlim, scale: xscale, padding });
  const y = channel('y', values, { title: axes.ylabel, limits: axes.ylim, scale: yscale, padding });
  const layer: VegaLiteSpec[] = [];
  const lines = formats.some((format) => format.dash !== null) || formats.length === 0;
  if (lines) layer.push(lineLayer(keys, formats, color, clip));
  if (!lines) layer.push(markerLayer(keys, formats, color, clip));
  else layer.push(...markersOnLines(keys, formats, clip));
  const spec = {
    ...(axes.title && { title: axes.title }),
    data: { values },
    encoding: { x, y },
    layer,
  };
  const description = axes.description ?? describe(axes, named ? keys : []);
  return new Figure(spec, { ...pixelSize(axes.figsize), description });
}

/** Axis titles for a description: 'loss over epoch'. */
function describe({ title, xlabel, ylabel }: Axes, names: string[]): string {
  const subject = [ylabel, xlabel && `over ${xlabel}`].filter(Boolean).join(' ');
  return [title, subject, names.length > 0 ? `lines: ${names.join(', ')}` : ''].filter(Boolean).join('; ');
}

function lineLayer(keys: string[], formats: LineFormat[], color: object, clip: boolean): VegaLiteSpec {
  const drawn = keys.filter((_, i) => formats[i]?.dash !== null);
  const dashes = formats.map((format) => (format.dash?.length ? format.dash : [1, 0]));
  return {
    transform: [{ filter: { field: 's', oneOf: drawn } }],
    mark: { type: 'line', clip },
    encoding: {
      color,
      order: { field: 'i' },
      ...(formats.some((format) => format.dash?.length) && {
        strokeDash: { field: 's', type: 'nominal', scale: { domain: keys, range: dashes }, legend: null },
      }),
    },
  };
}

function markerLayer(keys: string[], formats: LineFormat[], color: object, clip: boolean): VegaLiteSpec {
  const drawn = keys.filter((_, i) => formats[i]?.marker !== null);
  return {
    transform: [{ filter: { field: 's', oneOf: drawn } }],
    mark: { type: 'point', filled: true, clip },
    encoding: {
      color,
      shape: {
        field: 's',
        type: 'nominal',
        scale: { domain: keys, range: formats.map((format) => format.marker ?? 'circle') },
        legend: null,
      },
    },
  };
}

// Constant colours and shapes, so that the legend of the lines stays the only one.
function markersOnLines(keys: string[], formats: LineFormat[], clip: boolean): VegaLiteSpec[] {
  return formats.flatMap(({ marker, color }, i) =>
    marker === null
      ? []
      : [{ transform: [{ filter: { field: 's', equal: keys[i] } }], mark: { type: 'point', filled: true, clip, color, shape: marker } }],
  );
}

// The legend draws each line's own dash. Vega-Lite would merge two legends for it; saying it in the encoding keeps one.
function legend(formats: LineFormat[]): VegaLiteSpec {
  const marks = formats.every((format) => format.dash === null);
  const dashes = formats.map((format) => (format.dash?.length ? `[${format.dash}]` : '[1,0]'));
  const perLine = dashes
    .slice(0, -1)
    .map((dash, i) => `datum.index === ${i} ? ${dash} : `)
    .join('');
  return {
    symbolType: marks ? 'circle' : 'stroke',
    ...(marks && { symbolSize: 60 }),
    encoding: { symbols: { update: { strokeDash: { signal: `${perLine}${dashes.at(-1)}` } } } },
    ...(formats.length > 3 && { columns: 3 }),
  };
}

type Row = { x: number | null; y: number | null };

interface AxisOptions {
  title: string | undefined;
  limits: readonly [number, number] | undefined;
  scale: AxisScale;
  padding: number;
}

function channel(axis: 'x' | 'y', rows: Row[], { title, limits, scale, padding }: AxisOptions): VegaLiteSpec {
  const log = scale === 'log';
  const [low, high] = limits ?? extent(rows.map((row) => row[axis]));
  return {
    field: axis,
    type: 'quantitative',
    axis: { title: title || null, ...(log ? decades(low, high) : {}) },
    scale: {
      type: scale,
      zero: false,
      nice: limits === undefined && (axis === 'y' || log),
      ...(limits ? { domain: limits } : padding > 0 && scale === 'linear' && { padding }),
    },
  };
}

// Ticks at whole powers of ten, written 10ⁿ; axes of less than one decade keep Vega's own.
function decades(low: number, high: number): VegaLiteSpec {
  const from = Math.floor(Math.log10(low) + 1e-9);
  const to = Math.ceil(Math.log10(high) - 1e-9);
  if (!(to - from >= 1)) return {};
  const step = Math.ceil((to - from) / 8);
  const values: number[] = [];
  for (let e = from; e <= to; e += step) values.push(10 ** e);
  const digits = [...'⁰¹²³⁴⁵⁶⁷⁸⁹'];
  const raised = digits.reduce(
    (inner, sup, d) => `replace(${inner}, /${d}/g, '${sup}')`,
    "replace(toString(round(log(datum.value) / LN10)), '-', '⁻')",
  );
  return { values, labelExpr: `'10' + ${raised}` };
}

function extent(values: (number | null)[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value === null) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function place(value: number, scale: AxisScale): number | null {
  return Number.isFinite(value) && (scale === 'linear' || value > 0) ? value : null;
}

function checkScale(scale: string, argument: string): void {
  if (scale !== 'linear' && scale !== 'log') throw new ValueError(`${argument}: unknown scale '${scale}'; use 'linear' or 'log'`);
}

function checkPair(pair: readonly number[], argument: string): void {
  if (pair.length !== 2) throw new ShapeError(`${argument}: has ${pair.length} elements; expected two numbers`);
  if (!pair.every(Number.isFinite)) throw new ValueError(`${argument}: [${pair}] holds a value that is not finite; expected two numbers`);
}
