// A line chart made of characters: braille dots (2 × 4 a cell), axis with round ticks, one colour a series.

export interface ChartSeries {
  name: string;
  points: readonly { x: number; y: number }[];
  /** Index into the terminal palette. */
  color: number;
}

export interface ChartOptions {
  /** Columns and rows of the whole chart, title, axes and legend included. */
  columns: number;
  rows: number;
  title?: string;
  xlabel?: string;
  /** The horizontal range; by default that of the points. */
  xlim?: readonly [number, number];
  color?: boolean;
}

// 256-colour indices near the figures' palette, readable on black and on white.
const inks = [33, 208, 35, 168, 141, 137, 175, 245, 142, 37];
const braille = 0x2800;
// Bit of the dot at column 0 or 1 and row 0 to 3 of a cell (Unicode, Braille Patterns).
const bits = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
];

export const paint = (text: string, color: number, on = true): string =>
  on ? `\x1b[38;5;${inks[color % inks.length]}m${text}\x1b[39m` : text;
export const dim = (text: string, on = true): string => (on ? `\x1b[2m${text}\x1b[22m` : text);
export const bold = (text: string, on = true): string => (on ? `\x1b[1m${text}\x1b[22m` : text);

/** Columns that `text` takes: escape sequences count nothing, wide East Asian characters two. */
export function displayWidth(text: string): number {
  let width = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  for (const character of text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '')) {
    const code = character.codePointAt(0)!;
    if (code < 32 || (code >= 0x300 && code <= 0x36f)) continue;
    const wide =
      (code >= 0x1100 && code <= 0x115f) ||
      (code >= 0x2e80 && code <= 0xa4cf) ||
      (code >= 0xac00 && code <= 0xd7a3) ||
      (code >= 0xf900 && code <= 0xfaff) ||
      (code >= 0xfe30 && code <= 0xfe6f) ||
      (code >= 0xff00 && code <= 0xff60) ||
      (code >= 0x1f300 && code <= 0x1faff);
    width += wide ? 2 : 1;
  }
  return width;
}

/** Cuts `text` to at most `columns` columns, with an ellipsis where something is lost. Colours are closed. */
export function fitWidth(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let out = '';
  let width = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  for (const piece of text.match(/\x1b\[[0-9;?]*[A-Za-z]|./gsu) ?? []) {
    const size = displayWidth(piece);
    if (size > 0 && width + size > columns - 1) return `${out}…\x1b[0m`;
    out += piece;
    width += size;
  }
  return out;
}

/** The chart as `rows` lines of at most `columns` columns. Values that are not finite leave gaps. */
export function terminalChart(series: readonly ChartSeries[], options: ChartOptions): string[] {
  const { columns, rows, title = '', xlabel = '', color = true } = options;
  const y = ticks(range(series, 'y'), Math.max(2, Math.floor((rows - 4) / 3)));
  const margin = Math.max(...y.labels.map((label) => label.length)) + 1;
  const width = Math.max(4, columns - margin - 2);
  const height = Math.max(2, rows - (title === '' ? 3 : 4)); // title, axis, axis labels, legend
  const xrange = options.xlim ?? range(series, 'x');
  const cells = rasterize(series, { width, height, xrange, yrange: [y.low, y.high] });
  const lines = title === '' ? [] : [`${' '.repeat(margin + 2)}${bold(fitWidth(title, width), color)}`];
  const rowOf = (value: number) => Math.min(height - 1, Math.floor(((y.high - value) / (y.high - y.low)) * height));
  const labels = new Map(y.values.map((value, i) => [rowOf(value), y.labels[i] ?? ''] as const));
  for (let row = 0; row < height; row++) {
    const label = labels.get(row);
    const edge = dim(`${(label ?? '').padStart(margin)} ${label === undefined ? '│' : '┤'}`, color);
    lines.push(edge + renderRow(cells[row] ?? [], color));
  }
  lines.push(dim(`${' '.repeat(margin)} └${'─'.repeat(width)}`, color));
  lines.push(dim(`${' '.repeat(margin + 2)}${xAxis(xrange, width)}`, color));
  const names = legend(series, color);
  const space = width - displayWidth(names) - xlabel.length; // the axis label shares the legend's row where it fits
  lines.push(`${' '.repeat(margin + 2)}${fitWidth(names, width)}${space >= 2 ? `${' '.repeat(space)}${dim(xlabel, color)}` : ''}`);
  return lines.map((line) => fitWidth(line, columns));
}

function legend(series: readonly ChartSeries[], color: boolean): string {
  return series.map(({ name, color: ink }) => `${paint('━━', ink, color)} ${name}`).join('   ');
}

function renderRow(row: readonly (Cell | undefined)[], color: boolean): string {
  let out = '';
  for (const cell of row) out += cell === undefined ? ' ' : paint(String.fromCharCode(braille | cell.dots), cell.color, color);
  return out.trimEnd();
}

type Cell = { dots: number; color: number };
type Range = readonly [number, number];
type Raster = { width: number; height: number; xrange: Range; yrange: Range };

function rasterize(series: readonly ChartSeries[], { width, height, xrange, yrange }: Raster): (Cell | undefined)[][] {
  const cells: (Cell | undefined)[][] = Array.from({ length: height }, () => new Array<Cell | undefined>(width).fill(undefined));
  const [w, h] = [width * 2, height * 4];
  const toX = (x: number) => ((x - xrange[0]) / (xrange[1] - xrange[0] || 1)) * (w - 1);
  const toY = (y: number) => ((yrange[1] - y) / (yrange[1] - yrange[0] || 1)) * (h - 1);
  for (const { points, color } of series) {
    const dot = (px: number, py: number) => {
      const [x, y] = [Math.round(px), Math.round(py)];
      const row = cells[y >> 2];
      if (row === undefined || x < 0 || x >= w || y < 0) return;
      const cell = row[x >> 1];
      row[x >> 1] = { dots: (cell?.dots ?? 0) | bits[y & 3]![x & 1]!, color }; // the later series colours a shared cell
    };
    let last: { x: number; y: number } | undefined;
    for (const point of points) {
      if (!Number.isFinite(point.x) || !Number.isFinite(point.y)) {
        last = undefined;
        continue;
      }
      const [x, y] = [toX(point.x), toY(point.y)];
      const steps = last === undefined ? 0 : Math.min(w + h, Math.ceil(Math.max(Math.abs(x - last.x), Math.abs(y - last.y))));
      for (let i = 1; i <= steps; i++) dot(last!.x + ((x - last!.x) * i) / steps, last!.y + ((y - last!.y) * i) / steps);
      if (steps === 0) dot(x, y);
      last = { x, y };
    }
  }
  return cells;
}

function range(series: readonly ChartSeries[], axis: 'x' | 'y'): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { points } of series) {
    for (const point of points) {
      if (!Number.isFinite(point[axis])) continue;
      low = Math.min(low, point[axis]);
      high = Math.max(high, point[axis]);
    }
  }
  if (low > high) return [0, 1];
  return low === high ? [low - Math.max(0.05, Math.abs(low) * 0.05), high + Math.max(0.05, Math.abs(high) * 0.05)] : [low, high];
}

/** Round tick values (1, 2 or 5 times a power of ten apart) that hold `range`, about `count` of them. */
function ticks([low, high]: Range, count: number): { low: number; high: number; values: number[]; labels: string[] } {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const from = Math.floor(low / step + 1e-9);
  const to = Math.ceil(high / step - 1e-9);
  const values: number[] = [];
  for (let i = from; i <= to; i++) values.push(i * step);
  const digits = Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9)));
  const large = Math.max(Math.abs(low), Math.abs(high)) >= 1e6 || step < 1e-7;
  const labels = values.map((value) => (large ? value.toExponential(1) : value.toFixed(digits)).replace('-', '−'));
  return { low: from * step, high: to * step, values, labels };
}

// Numbers under the axis, each centred below its place.
function xAxis([low, high]: Range, width: number): string {
  const { values, labels } = ticks([low, high], Math.max(1, Math.floor(width / 8)));
  const line: string[] = new Array<string>(width).fill(' ');
  let free = 0;
  values.forEach((value, i) => {
    if (value < low - 1e-9 || value > high + 1e-9) return;
    const text = labels[i] ?? '';
    const center = ((value - low) / (high - low || 1)) * (width - 1);
    const start = Math.min(width - text.length, Math.max(0, Math.round(center - (text.length - 1) / 2)));
    if (start < free) return;
    for (let k = 0; k < text.length; k++) line[start + k] = text[k] ?? '';
    free = start + text.length + 1;
  });
  return line.join('').trimEnd();
}
