// Keeps what a lesson reports while it runs, so that a record can be made even from a run that was stopped half-way.
import type { EpochEvent, PointEvent, ProgressSink, RunStart, StepEvent } from '../plot/index.ts';
import type { Curve, EpochRow } from '../report/index.ts';

export class Recorder implements ProgressSink {
  started: RunStart | undefined;
  readonly #curves = new Map<string, { x: number; y: number }[]>();
  readonly #epochs: EpochRow[] = [];
  steps = 0;

  start(event: RunStart): void {
    this.started = event;
  }

  step(_event: StepEvent): void {
    this.steps++;
  }

  point({ series, x, y }: PointEvent): void {
    const points = this.#curves.get(series);
    if (points) points.push({ x, y });
    else this.#curves.set(series, [{ x, y }]);
  }

  epoch({ epoch, metrics, seconds }: EpochEvent): void {
    this.#epochs.push({ epoch, metrics: { ...metrics }, seconds });
  }

  note(): void {}

  end(): void {}

  get epochs(): readonly EpochRow[] {
    return this.#epochs;
  }

  /** The points reported; where a lesson reported none, the epochs' metrics. */
  get curves(): readonly Curve[] {
    if (this.#curves.size > 0) return [...this.#curves].map(([name, points]) => ({ name, points }));
    const names = [...new Set(this.#epochs.flatMap(({ metrics }) => Object.keys(metrics)))];
    return names.map((name) => ({
      name,
      points: this.#epochs.flatMap(({ epoch, metrics }) => (metrics[name] === undefined ? [] : [{ x: epoch, y: metrics[name] }])),
    }));
  }
}

/** One sink that passes everything on to several. */
export function tee(...sinks: readonly ProgressSink[]): ProgressSink {
  const all = (tell: (sink: ProgressSink) => void): void => {
    for (const sink of sinks) tell(sink);
  };
  return {
    start: (event) => all((sink) => sink.start(event)),
    step: (event) => all((sink) => sink.step(event)),
    point: (event) => all((sink) => sink.point(event)),
    epoch: (event) => all((sink) => sink.epoch(event)),
    note: (text) => all((sink) => sink.note(text)),
    end: () => all((sink) => sink.end()),
  };
}
