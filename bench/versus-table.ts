// Comparison of measured steps with PyTorch's: medians of rounds, ratios, which bars hold, and the tables that show them.

import bars from './bars.json' with { type: 'json' };

/** Ways to run a workload that have a bar of their own. */
export type Variant = keyof typeof bars.variants;
export const variantNames = Object.keys(bars.variants) as Variant[];
export const workloadNames = Object.keys(bars.ratio);
export { bars };

/** One run of a workload: median and smallest milliseconds of a step; peak resident MiB where it was measured. */
export interface Measurement {
  ms: number;
  min: number;
  residentMiB?: number;
}

/** What was measured of one workload. */
export interface Row {
  name: string;
  torch: Measurement;
  ours: Partial<Record<Variant, Measurement>>;
}

/** Where and how the rows were measured. */
export interface Comparison {
  date: string;
  machine: string;
  node: string;
  /** PyTorch's version; where its figures are those of another machine, `elsewhere` names it. */
  torch: string;
  elsewhere?: string;
  threads: number;
  rounds: number;
  rows: Row[];
}

/** Middle of the values; of an even number of them the upper one of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? Number.NaN : sorted[sorted.length >> 1];
}

/** Rounds of one workload as one: the median of the medians, the smallest time, the highest peak. */
export function ofRounds(rounds: readonly Measurement[]): Measurement {
  const peaks = rounds.flatMap((r) => (r.residentMiB === undefined ? [] : [r.residentMiB]));
  return {
    ms: median(rounds.map((r) => r.ms)),
    min: Math.min(...rounds.map((r) => r.min)),
    ...(peaks.length > 0 ? { residentMiB: Math.max(...peaks) } : {}),
  };
}

/** A ratio beside its bar; `bar` is undefined where none is set. */
export interface Verdict {
  ratio: number;
  bar: number | undefined;
  holds: boolean;
}

const verdict = (ours: number, theirs: number, bar: number | undefined): Verdict => {
  const ratio = ours / theirs;
  return { ratio, bar, holds: bar === undefined || ratio <= bar };
};

/** Our time over PyTorch's; undefined where this variant was not measured. */
export function speedOf(row: Row, variant: Variant): Verdict | undefined {
  const ours = row.ours[variant];
  const bar = (bars.ratio as Record<string, Record<Variant, number>>)[row.name]?.[variant];
  return ours === undefined ? undefined : verdict(ours.ms, row.torch.ms, bar);
}

/** Our peak resident memory over PyTorch's; undefined where one of them was not measured. */
export function residentOf(row: Row, variant: Variant): Verdict | undefined {
  const [ours, theirs] = [row.ours[variant]?.residentMiB, row.torch.residentMiB];
  if (ours === undefined || theirs === undefined) return undefined;
  return verdict(ours, theirs, (bars.residentRatio as Record<string, number>)[row.name]);
}

/** Rows of several files. Of equal names the latest stays, whole: times of different runs make no ratio. */
export function merged(parts: readonly Comparison[]): Comparison {
  const rows = new Map(parts.flatMap((part) => part.rows).map((row): [string, Row] => [row.name, row]));
  const order = (row: Row): number => workloadNames.indexOf(row.name);
  return { ...parts[parts.length - 1], rows: [...rows.values()].sort((a, b) => order(a) - order(b)) };
}

const digits = (ms: number): string => (ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms >= 1 ? ms.toFixed(2) : ms.toFixed(3));
const ratioText = (r: number): string => (Number.isNaN(r) ? 'none' : r.toFixed(2));

/** Texts of the columns of a table, left-aligned in the first `left` columns, right-aligned behind. */
export function aligned(rows: readonly (readonly string[])[], left = 2): string[] {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((row) => row[c].length)));
  return rows.map((row) =>
    row
      .map((text, c) => (c < left ? text.padEnd(widths[c]) : text.padStart(widths[c])))
      .join('  ')
      .trimEnd(),
  );
}

/** Lines for a terminal: one for each workload and variant, then how many bars hold. */
export function terminalTable(c: Comparison): string[] {
  const head = ['workload', 'device', 'ours ms', 'torch ms', 'ratio', 'bar', '', 'ours MiB', 'torch MiB', 'ratio', ''];
  const rows = [head];
  let [held, all] = [0, 0];
  const mark = (v: Verdict | undefined): string => {
    if (v?.bar === undefined) return '';
    all++;
    if (v.holds) held++;
    return v.holds ? 'holds' : 'MISSED';
  };
  for (const row of c.rows)
    for (const variant of variantNames) {
      const ours = row.ours[variant];
      const speed = speedOf(row, variant);
      if (ours === undefined || speed === undefined) continue;
      const memory = residentOf(row, variant);
      rows.push([
        row.name,
        bars.variants[variant].title,
        digits(ours.ms),
        digits(row.torch.ms),
        ratioText(speed.ratio),
        speed.bar === undefined ? '' : String(speed.bar),
        mark(speed),
        ours.residentMiB?.toFixed(0) ?? '',
        row.torch.residentMiB?.toFixed(0) ?? '',
        memory === undefined ? '' : ratioText(memory.ratio),
        mark(memory),
      ]);
    }
  return [...aligned(rows), '', `${held} of ${all} bars hold`];
}

/** What stands between the markers of docs/performance.md: conditions, a table of times, a table of peak resident memory. */
export function markdown(c: Comparison): string {
  const shown = variantNames.filter((v) => c.rows.some((row) => row.ours[v] !== undefined));
  const cell = (v: Verdict | undefined): string => {
    if (v === undefined) return '–';
    const text = `${ratioText(v.ratio)}${v.bar === undefined ? '' : ` / ${v.bar}`}`;
    return v.holds ? text : `**${text}**`;
  };
  const table = (rows: string[][]): string[] =>
    rows.flatMap((row, i) => [`| ${row.join(' | ')} |`, ...(i === 0 ? [`|${' --- |'.repeat(row.length)}`] : [])]);
  const source =
    c.elsewhere === undefined ? `PyTorch ${c.torch} (CPU, eager) took turns with Fathom` : `PyTorch ${c.torch} on ${c.elsewhere}`;
  const times = table([
    ['workload', 'PyTorch, ms', ...shown.flatMap((v) => [`${bars.variants[v].title}, ms`, 'ratio / bar'])],
    ...c.rows.map((row) => [
      row.name,
      digits(row.torch.ms),
      ...shown.flatMap((v) => [row.ours[v] === undefined ? '–' : digits((row.ours[v] as Measurement).ms), cell(speedOf(row, v))]),
    ]),
  ]);
  const withPeaks = c.rows.filter((row) => row.torch.residentMiB !== undefined);
  const peaks = table([
    ['workload', 'PyTorch, MiB', ...shown.flatMap((v) => [`${bars.variants[v].title}, MiB`, 'ratio'])],
    ...withPeaks.map((row) => [
      row.name,
      (row.torch.residentMiB as number).toFixed(0),
      ...shown.flatMap((v) => [row.ours[v]?.residentMiB?.toFixed(0) ?? '–', cell(residentOf(row, v))]),
    ]),
  ]);
  return [
    `Median milliseconds of a step, ${c.threads} thread${c.threads === 1 ? '' : 's'}, float32; ${source}, ${c.rounds} round${c.rounds === 1 ? '' : 's'}. ${c.machine}, Node ${c.node}, ${c.date}.`,
    'A ratio below 1 means that Fathom is faster; behind it stands the bar that we set ourselves, in bold where it is missed.',
    '',
    ...times,
    ...(withPeaks.length === 0
      ? []
      : ['', 'Peak resident memory of the process that runs the workload, interpreter and library included:', '', ...peaks]),
  ].join('\n');
}

const begin = '<!-- measured: begin (npm run bench:torch -- --write) -->';
const end = '<!-- measured: end -->';

/** `text` with the block between its markers replaced. Throws an Error when the markers are not there. */
export function withBlock(text: string, block: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no lines '${begin}' and '${end}' to write between`);
  return `${text.slice(0, from + begin.length)}\n\n${block}\n\n${text.slice(to)}`;
}
