// The look of every figure: colours (light and dark), type, grid; and matplotlib's format strings ('m--', 'C1-.', 'go:').
import { ValueError } from '../runtime/errors.ts';

/** Light colour -> its twin on a dark page. Figures are drawn in the light ones; a style sheet in the SVG swaps them. */
const twins = {
  ink: ['#2b2f36', '#e6e8ec'],
  muted: ['#5f6670', '#a4abb6'],
  axis: ['#a3a9b2', '#5b626d'],
  grid: ['#e6e8eb', '#2d323a'],
  paper: ['#fdfdfc', '#16191e'],
} as const;

/** The cycle C0 … C9. Neighbours differ in lightness as well as hue, so they stay apart for colour-blind readers and in print. */
const cycle: readonly (readonly [light: string, dark: string])[] = [
  ['#1f66ad', '#74b0ee'], // blue
  ['#d9730d', '#f5a54e'], // orange
  ['#12805c', '#56c79b'], // green
  ['#b3245f', '#f07ba9'], // magenta
  ['#6a51a3', '#b39df0'], // violet
  ['#8a5a2b', '#cfa06f'], // brown
  ['#c85a9e', '#f3a3d2'], // pink
  ['#6f7680', '#a9b0ba'], // grey
  ['#8b8b00', '#cccc4d'], // olive
  ['#1a93a8', '#62cfe0'], // cyan
];

export const palette: readonly string[] = cycle.map(([light]) => light);

export const colors = { ink: twins.ink[0], muted: twins.muted[0], axis: twins.axis[0], grid: twins.grid[0], paper: twins.paper[0] };

/** matplotlib's one-letter colours, in this theme's hues. */
const letters: Record<string, string> = {
  b: cycle[0]![0],
  g: cycle[2]![0],
  r: '#c4352b',
  c: cycle[9]![0],
  m: cycle[3]![0],
  y: '#b58900',
  k: twins.ink[0],
  w: twins.paper[0],
};

const extraTwins: readonly (readonly [string, string])[] = [
  ['#c4352b', '#ff8a7d'],
  ['#b58900', '#e8c04a'],
];

// Widths of this family (Helvetica, Arial, Liberation Sans share them) are what `text-metrics.ts` measures with.
export const fontFamily = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif";

export interface LineFormat {
  color: string;
  /** Dash pattern in pixels; empty for a solid line, null for no line at all. */
  dash: number[] | null;
  /** Vega's symbol name, or null for no markers. */
  marker: string | null;
}

const dashes: Record<string, number[]> = { '-': [], '--': [7, 4], '-.': [8, 3, 1.5, 3], ':': [1.5, 3] };
const markers: Record<string, string> = {
  o: 'circle',
  '.': 'circle',
  s: 'square',
  '^': 'triangle-up',
  v: 'triangle-down',
  d: 'diamond',
  D: 'diamond',
  '+': 'cross',
  x: 'cross',
  '*': 'diamond',
};

/**
 * Reads a format string in matplotlib's form `[color][marker][line]`, in any order: 'C1', 'm--', 'go', 'k:'.
 * No colour means the cycle's colour `index`; a marker without a line style means no line. Throws `ValueError` for anything else.
 */
export function parseFormat(format: string, index: number): LineFormat {
  let rest = format;
  const take = (pattern: RegExp): string | undefined => {
    const found = pattern.exec(rest)?.[0];
    if (found !== undefined) rest = rest.replace(found, '');
    return found;
  };
  const cycled = take(/C\d/);
  const line = take(/--|-\.|-|:/);
  const marker = take(/[o.s^vdD+x*]/);
  const letter = cycled === undefined ? take(/[bgrcmykw]/) : undefined;
  if (rest !== '') {
    throw new ValueError(
      `fmts[${index}]: '${format}' is not a line format; use a colour (b g r c m y k w, C0 to C9), a marker (o . s ^ v d + x *) and a line ('-', '--', '-.', ':')`,
    );
  }
  const color =
    cycled !== undefined ? palette[Number(cycled[1])] : letter !== undefined ? letters[letter] : palette[index % palette.length];
  return {
    color: color ?? colors.ink,
    dash: line !== undefined ? (dashes[line] ?? []) : marker !== undefined ? null : [],
    marker: marker !== undefined ? (markers[marker] ?? 'circle') : null,
  };
}

/** CSS that turns every figure under `.fathom-figure` to its dark colours when the reader prefers a dark page. */
export function darkStyle(): string {
  const pairs = [...Object.values(twins), ...cycle, ...extraTwins];
  const rules = pairs.map(
    ([light, dark]) => `.fathom-figure [fill="${light}"]{fill:${dark}}.fathom-figure [stroke="${light}"]{stroke:${dark}}`,
  );
  return `@media (prefers-color-scheme:dark){${rules.join('')}}`;
}

/** Vega-Lite's `config` for all figures. */
export function themeConfig(): Record<string, unknown> {
  const text = { labelFont: fontFamily, titleFont: fontFamily, labelColor: colors.muted, titleColor: colors.muted };
  return {
    background: 'transparent',
    aria: false,
    font: fontFamily,
    padding: 4,
    view: { stroke: null },
    title: { font: fontFamily, fontSize: 13, fontWeight: 600, color: colors.ink, anchor: 'start', offset: 10 },
    axis: {
      ...text,
      labelFontSize: 11,
      titleFontSize: 11.5,
      titleFontWeight: 'normal',
      titlePadding: 8,
      labelPadding: 5,
      grid: true,
      gridColor: colors.grid,
      gridWidth: 1,
      domainColor: colors.axis,
      tickColor: colors.axis,
      tickSize: 4,
      labelFlush: false,
    },
    axisY: { domain: false, ticks: false, tickCount: 5 },
    axisX: { grid: false, tickCount: 6 },
    legend: {
      ...text,
      title: null,
      labelFontSize: 11.5,
      labelColor: colors.ink,
      orient: 'top',
      direction: 'horizontal',
      symbolType: 'stroke',
      symbolSize: 320,
      symbolStrokeWidth: 2.2,
      columnPadding: 16,
      rowPadding: 4,
      offset: 8,
      padding: 0,
    },
    line: { strokeWidth: 2, strokeCap: 'round', strokeJoin: 'round' },
    point: { size: 34, filled: true, opacity: 1 },
    bar: { color: palette[0] },
    rect: { stroke: null },
    text: { font: fontFamily, fontSize: 11, color: colors.ink },
    range: { category: [...palette] },
  };
}
