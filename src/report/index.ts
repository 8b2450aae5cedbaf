// A run's record and what is written from it: report.html and metrics.json.
export { runMetrics, type JsonNumber, type RunMetrics } from './metrics-json.ts';
export { examine, finalMetrics } from './run-record.ts';
export type { Curve, DataSource, EpochRow, ExtraFigure, RunImage, RunRecord, RunStatus, SummaryRow } from './run-record.ts';
export { renderReport, writeReport, type WrittenReport } from './write-report.ts';
