// What a training run tells whoever watches it: one small interface between trainers and views (terminal, web page, files).

export type Metrics = Readonly<Record<string, number>>;

export interface RunStart {
  title: string;
  epochs: number;
  /** Steps of one epoch, where known beforehand. */
  stepsPerEpoch?: number;
  /** Facts worth a line under the title: device, seed, learning rate, batch size. */
  settings?: Readonly<Record<string, string | number>>;
}

export interface StepEvent {
  /** Counted from 1. */
  epoch: number;
  /** Within the epoch, counted from 1. */
  step: number;
  metrics?: Metrics;
}

/** One point of a curve; `x` counts epochs, and may be fractional. */
export interface PointEvent {
  series: string;
  x: number;
  y: number;
}

export interface EpochEvent {
  /** Counted from 1. */
  epoch: number;
  metrics: Metrics;
  seconds: number;
}

/** Receives the events of a run. Calls are synchronous and cheap: a view decides for itself how often it draws. */
export interface ProgressSink {
  start(event: RunStart): void;
  step(event: StepEvent): void;
  point(event: PointEvent): void;
  epoch(event: EpochEvent): void;
  /** A line of text for the reader, such as "downloading …". */
  note(text: string): void;
  end(): void;
}

/** A sink that ignores everything: for tests and programs that need no view. */
export const silent: ProgressSink = {
  start: () => undefined,
  step: () => undefined,
  point: () => undefined,
  epoch: () => undefined,
  note: () => undefined,
  end: () => undefined,
};

/**
 * Which axes a curve belongs on, judged by the last word of its name: 'train_loss' and 'val loss' share 'loss'; 'val_acc' goes to
 * 'accuracy'. Curves of one kind share a figure, because a loss and an accuracy have different scales.
 */
export function kindOfSeries(name: string): string {
  const last = words(name).at(-1)?.toLowerCase() ?? '';
  return last === 'acc' || last === 'accuracy' ? 'accuracy' : last;
}

/** A name for readers: 'train_loss' -> 'train loss', 'valAcc' -> 'val acc'. */
export function readableName(name: string): string {
  return words(name).join(' ');
}

/** Which colour of the cycle a curve gets: training, validation and test keep theirs in every figure; others take their turn. */
export function colorOfSeries(name: string, turn: number): number {
  const first = words(name)[0]?.toLowerCase() ?? '';
  if (first === 'train' || first === 'training') return 0;
  if (first === 'val' || first === 'valid' || first === 'validation') return 1;
  if (first === 'test') return 2;
  return turn;
}

function words(name: string): string[] {
  return name
    .replace(/([a-z])([A-Z])(?=[a-z])/g, (_, before: string, capital: string) => `${before} ${capital.toLowerCase()}`)
    .split(/[\s_]+/)
    .filter((word) => word !== '');
}

/** A number as a reader wants it in a line of metrics: four significant digits, no noise. */
export function formatMetric(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  if (size >= 100) return value.toFixed(1);
  return value.toFixed(size >= 10 ? 2 : 3);
}

/** A duration: '0.8 s', '12.3 s', '3 min 05 s', '1 h 02 min'. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const pad = (n: number) => String(n).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}
