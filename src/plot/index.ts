// Figures (Vega-Lite to SVG), images, and the live view in the terminal.
export { bar, type HeatmapOptions, type HistogramOptions, heatmap, histogram, type ScatterOptions, scatter } from './charts.ts';
export { Figure, type FigureOptions, figureStyle, type SvgOptions, type VegaLiteSpec } from './figure.ts';
export { type ImageRangeOptions, type ShowImagesOptions, showImages, toPixels } from './images.ts';
export type { Plottable, TensorLike } from './input.ts';
export { type Axes, type AxisScale, lineFigure, type Point, type Series, setFigsize } from './lines.ts';
export { bookFormats, type PlotOptions, plot } from './plot.ts';
export { encodePng, type Pixels, pngDataUri } from './png.ts';
export type { EpochEvent, Metrics, PointEvent, ProgressSink, RunStart, StepEvent } from './progress.ts';
export { colorOfSeries, formatMetric, formatSeconds, kindOfSeries, readableName, silent } from './progress.ts';
export { type TerminalOptions, type TextStream, terminalProgress } from './terminal.ts';
export { type ChartOptions, type ChartSeries, terminalChart } from './terminal-chart.ts';
