// Figures (Vega-Lite to SVG), images, and the live view in the terminal.
export { bar, heatmap, histogram, scatter, type HeatmapOptions, type HistogramOptions, type ScatterOptions } from './charts.ts';
export { Figure, figureStyle, type FigureOptions, type SvgOptions, type VegaLiteSpec } from './figure.ts';
export { showImages, toPixels, type ImageRangeOptions, type ShowImagesOptions } from './images.ts';
export type { Plottable, TensorLike } from './input.ts';
export { lineFigure, setFigsize, type Axes, type AxisScale, type Point, type Series } from './lines.ts';
export { bookFormats, plot, type PlotOptions } from './plot.ts';
export { encodePng, pngDataUri, type Pixels } from './png.ts';
export { colorOfSeries, formatMetric, formatSeconds, kindOfSeries, readableName, silent } from './progress.ts';
export type { EpochEvent, Metrics, PointEvent, ProgressSink, RunStart, StepEvent } from './progress.ts';
export { terminalChart, type ChartOptions, type ChartSeries } from './terminal-chart.ts';
export { terminalProgress, type TerminalOptions, type TextStream } from './terminal.ts';
