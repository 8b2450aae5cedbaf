// Writes a run's folder: metrics.json first (the numbers must survive anything), then report.html.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../io/files.ts';
import { figureStyle } from '../plot/index.ts';
import { html, raw } from './html.ts';
import { runMetrics } from './metrics-json.ts';
import { examine, type RunRecord } from './run-record.ts';
import {
  confusionSection,
  epochsSection,
  figuresSection,
  imagesSection,
  modelSection,
  repeatSection,
  settingsSection,
  summarySentence,
  warningsSection,
} from './sections.ts';
import { reportStyle } from './style.ts';

export interface WrittenReport {
  /** Path of report.html. */
  report: string;
  /** Path of metrics.json. */
  metrics: string;
}

/** Writes `report.html` and `metrics.json` into `folder`, made if missing. Each file is whole or absent, never half written. */
export async function writeReport(folder: string, run: RunRecord): Promise<WrittenReport> {
  const record = examine(run);
  await mkdir(folder, { recursive: true });
  const written = { report: join(folder, 'report.html'), metrics: join(folder, 'metrics.json') };
  await writeFileAtomic(written.metrics, `${JSON.stringify(runMetrics(record), null, 1)}\n`);
  await writeFileAtomic(written.report, await renderReport(record));
  return written;
}

/** The report as one HTML page that needs nothing from outside: style, figures and images are inside. */
export async function renderReport(run: RunRecord): Promise<string> {
  const { lesson } = run;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${lesson.title} · Fathom</title>
<style>${raw(reportStyle)}
${raw(figureStyle())}</style>
</head>
<body>
<main>
<header>
<p class="kicker">Lesson ${lesson.id} · ${run.startedAt.slice(0, 10)}</p>
<h1>${lesson.title}</h1>
<p class="lead">${summarySentence(run)}</p>
</header>
${warningsSection(run)}
${await figuresSection(run)}
${imagesSection(run.images)}
${confusionSection(run.confusion)}
${modelSection(run)}
${epochsSection(run)}
${settingsSection(run)}
${repeatSection(run)}
<footer>Made by Fathom ${run.version}. The numbers for machines are in metrics.json beside this page.</footer>
</main>
</body>
</html>
`.text;
}
