// A run's record and what is written from it: report.html and metrics.json.
export { type JsonNumber, type RunMetrics, runMetrics } from './metrics-json.ts';
export type { Confusion, Curve, DataSource, EpochRow, ExtraFigure, RunImage, RunRecord, RunStatus, SummaryRow } from './run-record.ts';
export { examine, finalMetrics } from './run-record.ts';
export { renderReport, type WrittenReport, writeReport } from './write-report.ts';
