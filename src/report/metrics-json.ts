// metrics.json: a run for machines. Its shape is `RunMetrics`; additions keep the number in `schema`, changes raise it.
import type { Metrics } from '../plot/index.ts';
import { type DataSource, finalMetrics, type RunRecord, type RunStatus, type SummaryRow } from './run-record.ts';

/** A measured value; null stands for NaN and infinities, which JSON cannot hold. */
export type JsonNumber = number | null;

export interface RunMetrics {
  schema: 'fathom.run/1';
  lesson: { id: string; name: string; title: string };
  status: RunStatus;
  version: string;
  startedAt: string;
  settings: Record<string, string | number | boolean | null>;
  data: DataSource;
  /** The numbers to quote, by metric. */
  final: Record<string, JsonNumber>;
  epochs: { epoch: number; seconds: JsonNumber; metrics: Record<string, JsonNumber> }[];
  /** Points as [x, y] pairs; x counts epochs. */
  curves: { name: string; group?: string; points: [JsonNumber, JsonNumber][] }[];
  summary: SummaryRow[];
  parameters: number;
  /** Of the test images shown in the report. */
  images: { predicted: string; truth: string; correct: boolean }[];
  /** Rows are the true classes, columns the predicted ones. */
  confusion?: { labels: string[]; counts: number[][] };
  timings: Record<string, JsonNumber>;
  warnings: string[];
}

/** The record as JSON: everything but pixels and figures. */
export function runMetrics(run: RunRecord): RunMetrics {
  const summary = (run.summary ?? []).map(({ layer, outputShape, parameters }) => ({ layer, outputShape: [...outputShape], parameters }));
  const { id, name, title } = run.lesson;
  return {
    schema: 'fathom.run/1',
    lesson: { id, name, title },
    status: run.status,
    version: run.version,
    startedAt: run.startedAt,
    settings: Object.fromEntries(
      Object.entries(run.settings).map(([key, value]) => [key, typeof value === 'number' ? number(value) : value]),
    ),
    data: run.data,
    final: numbers(finalMetrics(run)),
    epochs: run.epochs.map(({ epoch, metrics, seconds }) => ({ epoch, seconds: number(seconds), metrics: numbers(metrics) })),
    curves: run.curves.map((curve) => ({
      name: curve.name,
      ...(curve.group !== undefined && { group: curve.group }),
      points: curve.points.map(({ x, y }): [JsonNumber, JsonNumber] => [number(x), number(y)]),
    })),
    summary,
    parameters: summary.reduce((sum, row) => sum + row.parameters, 0),
    images: (run.images ?? []).map(({ predicted, truth, correct }) => ({ predicted, truth, correct })),
    ...(run.confusion && {
      confusion: { labels: [...run.confusion.labels], counts: run.confusion.counts.map((row) => [...row]) },
    }),
    timings: numbers(run.timings as Metrics),
    warnings: [...run.warnings],
  };
}

// Seven significant digits: what a float32 holds.
function number(value: number): JsonNumber {
  return Number.isFinite(value) ? Number(value.toPrecision(7)) : null;
}

function numbers(values: Metrics): Record<string, JsonNumber> {
  return Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, number(value)]])));
}
