// Scatter, bar, histogram and heat map: thin helpers over the same theme and axes as `plot`.
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { Figure } from './figure.ts';
import { type Plottable, toMatrix, toSeries, toVector } from './input.ts';
import { type Axes, lineFigure, pixelSize } from './lines.ts';
import { colors, palette } from './theme.ts';

export interface ScatterOptions extends Axes {
  legend?: readonly string[];
}

/** Points: `X` and `Y` are [n], or lists of sequences for several groups (one colour and shape each). */
export function scatter(X: Plottable, Y: Plottable, { legend = [], ...axes }: ScatterOptions = {}): Figure {
  const ys = toSeries(Y, 'Y');
  const xs = toSeries(X, 'X');
  if (xs.length !== ys.length && xs.length !== 1)
    throw new ShapeError(`X: has ${xs.length} groups and Y has ${ys.length}; expected as many, or one`);
  const shapes = ['o', 's', '^', 'd', 'v', '+'];
  const series = ys.map((y, i) => {
    const x = xs.length === 1 ? xs[0]! : xs[i]!;
    if (x.length !== y.length) throw new ShapeError(`X: group ${i} has ${x.length} points and Y's has ${y.length}; expected one length`);
    return { name: legend[i], format: `C${i % 10}${shapes[i % shapes.length]}`, points: y.map((value, n) => ({ x: x[n]!, y: value })) };
  });
  return lineFigure(series, axes);
}

/** Bars: one of height `heights[i]` for each of `labels` (their order is kept). */
export function bar(labels: readonly (string | number)[], heights: Plottable, axes: Axes = {}): Figure {
  const ys = toVector(heights, 'heights');
  if (labels.length !== ys.length) throw new ShapeError(`labels: has ${labels.length} names for ${ys.length} heights; expected one each`);
  const spec = {
    ...titled(axes),
    data: { values: ys.map((y, i) => ({ label: String(labels[i]), y: Number.isFinite(y) ? y : null })) },
    mark: { type: 'bar', cornerRadiusEnd: 2 },
    encoding: {
      x: {
        field: 'label',
        type: 'nominal',
        sort: null,
        axis: { title: axes.xlabel ?? null, labelAngle: labels.join('').length > 42 ? -40 : 0, ticks: false },
      },
      y: quantity('y', axes.ylabel, axes),
    },
  };
  return new Figure(spec, { ...pixelSize(axes.figsize), description: axes.description ?? `bar chart of ${axes.ylabel ?? 'values'}` });
}

export interface HistogramOptions extends Axes {
  /** Number of bins of equal width over the range of all values. */
  bins?: number;
  legend?: readonly string[];
}

/** How many values fall into each bin; a list of sequences is drawn as bars side by side. Values that are not finite are left out. */
export function histogram(values: Plottable, { bins = 20, legend = [], ...axes }: HistogramOptions = {}): Figure {
  if (!Number.isInteger(bins) || bins < 1 || bins > 10_000)
    throw new ValueError(`bins: is ${bins}; expected a whole number from 1 to 10000`);
  const groups = toSeries(values, 'values').map((group) => group.filter(Number.isFinite));
  const all = groups.flat();
  let low = axes.xlim?.[0] ?? all.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  let high = axes.xlim?.[1] ?? all.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (!(high >= low)) [low, high] = [0, 1];
  if (high === low) [low, high] = [low - 0.5, high + 0.5];
  const width = (high - low) / bins;
  const names = groups.map((_, g) => legend[g] ?? `group ${g + 1}`);
  const rows = groups.flatMap((group, g) => {
    const counts = new Array<number>(bins).fill(0);
    for (const value of group) if (value >= low && value <= high) counts[Math.min(bins - 1, Math.floor((value - low) / width))]!++;
    const share = width / groups.length; // groups stand side by side inside a bin
    return counts.map((count, b) => ({
      from: low + b * width + g * share,
      to: low + b * width + (g + 1) * share,
      count,
      zero: 0,
      s: names[g],
    }));
  });
  const spec = {
    ...titled(axes),
    data: { values: rows },
    mark: { type: 'rect', stroke: colors.paper, strokeWidth: 0.6, clip: true },
    encoding: {
      x: {
        field: 'from',
        type: 'quantitative',
        axis: { title: axes.xlabel ?? null },
        scale: { zero: false, nice: false, domain: [low, high] },
      },
      x2: { field: 'to' },
      y: quantity('count', axes.ylabel ?? 'count', axes),
      y2: { field: 'zero' },
      color: {
        field: 's',
        type: 'nominal',
        scale: { domain: names, range: names.map((_, g) => palette[g % palette.length]) },
        legend: legend.length > 0 ? { symbolType: 'square', symbolSize: 90 } : null,
      },
    },
  };
  return new Figure(spec, { ...pixelSize(axes.figsize), description: axes.description ?? `histogram of ${axes.xlabel ?? 'values'}` });
}

export interface HeatmapOptions extends Axes {
  rowLabels?: readonly string[];
  columnLabels?: readonly string[];
  /** Write each value into its cell with this many digits; by default only where there are at most 12 columns. */
  digits?: number | null;
}

/** A matrix [rows, columns] as coloured cells, row 0 at the top: attention weights, confusion matrices. */
export function heatmap(matrix: Plottable, options: HeatmapOptions = {}): Figure {
  const { rowLabels, columnLabels, ...axes } = options;
  const rows = toMatrix(matrix, 'matrix');
  const columns = rows[0]?.length ?? 0;
  for (const [name, labels, size] of [
    ['rowLabels', rowLabels, rows.length],
    ['columnLabels', columnLabels, columns],
  ] as const) {
    if (labels && labels.length !== size) throw new ShapeError(`${name}: has ${labels.length} names for ${size}; expected one each`);
  }
  const digits = options.digits === undefined ? (columns <= 12 ? 2 : null) : options.digits;
  const values = rows.flatMap((row, r) => row.map((v, c) => ({ r, c, v: Number.isFinite(v) ? v : null })));
  const finite = values.flatMap(({ v }) => (v === null ? [] : [v]));
  const middle = (Math.min(...finite.slice(0, 1e5)) + Math.max(...finite.slice(0, 1e5))) / 2;
  const whole = finite.every(Number.isInteger);
  const names = (labels: readonly string[] | undefined) => (labels ? { labelExpr: `${JSON.stringify(labels)}[datum.value]` } : {});
  const axis = { grid: false, ticks: false, domain: false, labelAngle: 0, labelOverlap: true };
  const scale = { round: true }; // whole pixels: no seams between cells
  const spec = {
    ...titled(axes),
    data: { values },
    encoding: {
      x: { field: 'c', type: 'ordinal', scale, axis: { ...axis, title: axes.xlabel ?? null, ...names(columnLabels) } },
      y: { field: 'r', type: 'ordinal', scale, axis: { ...axis, title: axes.ylabel ?? null, ...names(rowLabels) } },
    },
    layer: [
      {
        mark: { type: 'rect' },
        encoding: {
          color: {
            field: 'v',
            type: 'quantitative',
            scale: { range: ['#eef3f9', '#8db8dd', '#2f74b5', '#0d3766'] },
            legend: { orient: 'right', direction: 'vertical', gradientThickness: 10, gradientLength: 110 },
          },
        },
      },
      ...(digits === null
        ? []
        : [
            {
              mark: { type: 'text', fontSize: 10 },
              encoding: {
                text: { field: 'v', type: 'quantitative', format: whole ? 'd' : `.${digits}f` },
                color: { condition: { test: `datum.v > ${middle}`, value: '#ffffff' }, value: '#22303f' },
              },
            },
          ]),
    ],
  };
  return new Figure(spec, {
    ...pixelSize(axes.figsize ?? [4.6, 3.8]),
    description: axes.description ?? `heat map of ${rows.length} by ${columns} values`,
  });
}

function titled({ title }: Axes): object {
  return title ? { title } : {};
}

function quantity(field: string, label: string | undefined, { ylim, yscale = 'linear' }: Axes): object {
  return {
    field,
    type: 'quantitative',
    axis: { title: label ?? null },
    scale: { type: yscale === 'log' ? 'symlog' : 'linear', nice: ylim === undefined, ...(ylim && { domain: ylim }) },
  };
}
