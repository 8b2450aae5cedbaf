// What the terminal shows of a run, as text: title, charts side by side or under one another, progress bar, last numbers.

import {
  colorOfSeries,
  type EpochEvent,
  formatMetric,
  formatSeconds,
  kindOfSeries,
  type Metrics,
  type PointEvent,
  type RunStart,
  readableName,
  type StepEvent,
} from './progress.ts';
import { bold, type ChartSeries, dim, displayWidth, fitWidth, paint, terminalChart } from './terminal-chart.ts';

const maxPoints = 4000;

/** The state of a run, fed by its events; `render` gives it as lines. Knows nothing of streams, so it can be tested as text. */
export class TerminalBoard {
  #start: RunStart = { title: '', epochs: 0 };
  readonly #series = new Map<string, { x: number; y: number }[]>();
  #epoch = 0;
  #step = 0;
  #steps = 0; // in the whole run
  #stepsPerEpoch: number | undefined;
  #latest: Record<string, number> = {};
  #began: number;
  readonly #now: () => number;

  constructor({ now = () => performance.now() / 1000 }: { now?: () => number } = {}) {
    this.#now = now;
    this.#began = now();
  }

  start(event: RunStart): void {
    this.#start = event;
    this.#stepsPerEpoch = event.stepsPerEpoch;
    this.#began = this.#now();
    // A lesson may train several times, one after another.
    this.#series.clear();
    this.#epoch = this.#step = this.#steps = 0;
    this.#latest = {};
  }

  step({ epoch, step, metrics }: StepEvent): void {
    if (epoch !== this.#epoch && this.#stepsPerEpoch === undefined && this.#step > 0) this.#stepsPerEpoch = this.#step;
    this.#epoch = epoch;
    this.#step = step;
    this.#steps++;
    if (metrics) Object.assign(this.#latest, metrics);
  }

  point({ series, x, y }: PointEvent): void {
    const points = this.#series.get(series) ?? [];
    points.push({ x, y });
    // A long run keeps every other point: the screen has far fewer columns.
    this.#series.set(series, points.length > maxPoints ? points.filter((_, i) => i % 2 === 0 || i === points.length - 1) : points);
    this.#latest[series] = y;
  }

  epoch({ epoch, metrics }: EpochEvent): void {
    this.#epoch = epoch;
    if (this.#stepsPerEpoch === undefined && this.#step > 0) this.#stepsPerEpoch = this.#step;
    if (this.#stepsPerEpoch !== undefined) this.#step = this.#stepsPerEpoch;
    Object.assign(this.#latest, metrics);
  }

  /** Steps a second since the start. */
  get rate(): number {
    return this.#steps / Math.max(1e-6, this.#now() - this.#began);
  }

  /** Share of the run that is done, 0 to 1. */
  get fraction(): number {
    const { epochs } = this.#start;
    if (epochs === 0 || this.#epoch === 0) return 0;
    const inside = this.#stepsPerEpoch ? this.#step / this.#stepsPerEpoch : 0;
    return Math.min(1, (this.#epoch - 1 + Math.min(1, inside)) / epochs);
  }

  /** Seconds to go at the speed so far; NaN before anything is known. */
  get secondsLeft(): number {
    const done = this.fraction;
    return done === 0 ? Number.NaN : ((this.#now() - this.#began) / done) * (1 - done);
  }

  /** The whole view in at most `rows` lines of at most `columns` columns. */
  render(columns: number, rows: number, { color = true, charts = true }: { color?: boolean; charts?: boolean } = {}): string[] {
    const lines = ['', ` ${bold(this.#start.title, color)}`];
    for (const line of wrap(settingsLine(this.#start.settings ?? {}), ' · ', columns - 1).slice(0, 2)) lines.push(` ${dim(line, color)}`);
    const spare = rows - lines.length - 3;
    const drawn = charts && columns >= 30 ? this.#charts(columns, Math.min(18, spare - 1), color) : [];
    if (drawn.length > 0) lines.push('', ...drawn);
    lines.push('', ...this.status(columns, color));
    return lines.slice(0, rows).map((line) => fitWidth(line, columns));
  }

  /** Progress bar and the latest numbers, two lines. */
  status(columns: number, color = true): string[] {
    const { epochs } = this.#start;
    const left =
      this.fraction >= 1
        ? formatSeconds(this.#now() - this.#began)
        : Number.isNaN(this.secondsLeft)
          ? ''
          : `${formatSeconds(this.secondsLeft)} left`;
    const speed = this.#steps > 0 ? `${formatRate(this.rate)} steps/s` : '';
    const head = ` epoch ${String(Math.min(epochs, this.#epoch)).padStart(String(epochs).length)}/${epochs} `;
    const tail = ` ${String(Math.floor(this.fraction * 100)).padStart(3)} %  ${[speed, left].filter((part) => part !== '').join('  ')}`;
    const room = Math.min(40, columns - displayWidth(head) - displayWidth(tail) - 1);
    const bar = room >= 5 ? progressBar(this.fraction, room, color) : '';
    return [head + bar + tail, ` ${dim(metricsLine(this.#latest), color)}`];
  }

  #charts(columns: number, rows: number, color: boolean): string[] {
    const kinds = new Map<string, ChartSeries[]>();
    let turn = 0;
    for (const [name, points] of this.#series) {
      const kind = kindOfSeries(name);
      const group = kinds.get(kind) ?? [];
      group.push({ name: readableName(name), points, color: colorOfSeries(name, 3 + turn++) });
      kinds.set(kind, group);
    }
    if (kinds.size === 0 || rows < 7) return [];
    const xlim = [0, Math.max(1, this.#start.epochs)] as const;
    const chart = (title: string, series: ChartSeries[], width: number) =>
      terminalChart(series, { columns: width, rows, title, xlabel: 'epoch', xlim, color });
    const groups = [...kinds];
    const side = Math.min(groups.length, Math.floor(columns / 44));
    // Too narrow for panels: one chart with everything, as the book draws it.
    if (side < groups.length && side < 2) {
      const all = groups.flatMap(([, series]) => series);
      const own = all.map((series, i) => ({ ...series, color: groups.length > 1 ? i : series.color }));
      return chart('', own, Math.min(columns, 78));
    }
    const width = Math.min(66, Math.floor((columns - 2) / side));
    const panels = groups.slice(0, side).map(([kind, series]) => chart(kind, series, width));
    return (panels[0] ?? []).map((_, row) =>
      panels.map((panel, i) => (i < panels.length - 1 ? padTo(panel[row] ?? '', width + 2) : (panel[row] ?? ''))).join(''),
    );
  }
}

/** A bar of `width` columns, filled in eighths of a column. */
export function progressBar(fraction: number, width: number, color = true): string {
  const eighths = Math.round(Math.min(1, Math.max(0, fraction)) * width * 8);
  const full = Math.floor(eighths / 8);
  const part = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? '';
  const done = '█'.repeat(full) + part;
  const rest = width - full - (part === '' ? 0 : 1);
  return paint(done, 0, color) + dim(color ? '·'.repeat(rest) : '.'.repeat(rest), color);
}

/** 'train loss 0.432  val acc 0.846'. */
export function metricsLine(metrics: Metrics): string {
  return Object.entries(metrics)
    .map(([name, value]) => `${readableName(name)} ${formatMetric(value)}`)
    .join('   ');
}

/** 'device wasm · threads 2 · lr 0.1'. */
export function settingsLine(settings: Readonly<Record<string, string | number>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${readableName(name)} ${value}`)
    .join(' · ');
}

/** Lines of at most `columns`, broken at the separators. */
function wrap(text: string, separator: string, columns: number): string[] {
  const lines: string[] = [];
  for (const part of text === '' ? [] : text.split(separator)) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(last + separator + part) <= columns) lines[lines.length - 1] = last + separator + part;
    else lines.push(part);
  }
  return lines;
}

export function formatRate(rate: number): string {
  return rate >= 100 ? rate.toFixed(0) : rate >= 10 ? rate.toFixed(1) : rate.toFixed(2);
}

function padTo(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)));
}
