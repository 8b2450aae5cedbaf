// `fathom run`: prepares device, seed and folder, runs a lesson with a live view, writes its report, and says what came out.
import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { formatSeconds, type ProgressSink, readableName, type TextStream, terminalProgress } from '../../plot/index.ts';
import { metricsLine } from '../../plot/terminal-board.ts';
import { examine, finalMetrics, type RunRecord, runMetrics, type WrittenReport, writeReport } from '../../report/index.ts';
import type { Lesson, LessonContext } from '../context.ts';
import { exitCodes, UsageError } from '../errors.ts';
import { breather, listenForInterrupt } from '../interrupt.ts';
import { Recorder, tee } from '../recorder.ts';
import type { DeviceFacts, Runtime } from '../runtime.ts';
import { didYouMean } from '../suggest.ts';

export interface RunOptions {
  device?: string;
  epochs?: number;
  seed: number;
  data?: string;
  out?: string;
  quick: boolean;
  json: boolean;
}

export interface RunEnvironment {
  lessons: readonly Lesson[];
  runtime: Runtime;
  version: string;
  stdout: TextStream;
  stderr: TextStream;
}

/** The lesson of that number or name. UsageError with the nearest one for anything else. */
export function findLesson(lessons: readonly Lesson[], wanted: string): Lesson {
  const found = lessons.find(({ id, name }) => id === wanted || name === wanted.toLowerCase());
  if (found) return found;
  const names = lessons.flatMap(({ id, name }) => [name, id]);
  throw new UsageError(`there is no lesson '${wanted}'.${didYouMean(wanted, names)} 'fathom list' shows them all.`);
}

/** Runs a lesson and returns the exit code: 0, 1 when training diverged, 130 when it was stopped. */
export async function runLesson(wanted: string, options: RunOptions, environment: RunEnvironment): Promise<number> {
  const { lessons, runtime, version, stdout, stderr } = environment;
  const lesson = findLesson(lessons, wanted);
  if (options.data !== undefined) await checkFolder(options.data);
  const out = resolve(options.out ?? join('runs', lesson.name));
  const facts = await runtime.prepare({ device: options.device, seed: options.seed });
  const { run } = await lesson.load();
  await mkdir(out, { recursive: true }).catch((error: Error) => {
    throw new UsageError(`--out: the folder '${out}' cannot be made (${error.message}); give one that can be written to`);
  });

  const stream = options.json ? stderr : stdout;
  const recorder = new Recorder();
  const known = settingsOf(facts, options.seed);
  const view = tee(recorder, terminalProgress({ stream }));
  // Every view shows what the numbers depend on, whether the lesson says it or not.
  const progress: ProgressSink = { ...view, start: (event) => view.start({ ...event, settings: { ...known, ...event.settings } }) };
  const interrupts = listenForInterrupt(() => progress.note('Stopping after this step; the report follows. Ctrl-C again quits at once.'));
  const began = { at: new Date().toISOString(), clock: performance.now() };
  const context: LessonContext = {
    device: facts.device,
    epochs: options.epochs,
    seed: options.seed,
    data: options.data,
    out,
    quick: options.quick,
    json: options.json,
    signal: interrupts.signal,
    progress,
    breathe: breather(),
  };
  try {
    const made = await run(context)
      .catch((error: unknown) => {
        if (interrupts.signal.aborted && isAbort(error)) return undefined; // a lesson may also leave by throwing the signal's reason
        throw error;
      })
      .finally(() => progress.end());
    const seconds = (performance.now() - began.clock) / 1000;
    const record = complete(made, { lesson, context, recorder, facts, version, startedAt: began.at, seconds });
    const written = await writeReport(out, record);
    const model = await exists(join(out, 'model.safetensors'), Date.parse(began.at));
    tell(examine(record), written, model, options.json, stdout, stderr);
    if (interrupts.signal.aborted) return exitCodes.interrupted;
    return examine(record).status === 'diverged' ? exitCodes.failure : exitCodes.ok;
  } finally {
    // Only now: one press of Ctrl-C that arrives twice must not cost the report.
    interrupts.release();
  }
}

interface Completion {
  lesson: Lesson;
  context: LessonContext;
  recorder: Recorder;
  facts: DeviceFacts;
  version: string;
  startedAt: string;
  seconds: number;
}

// Fills in what the lesson left out, from the options and from what it reported on the way.
function complete(made: RunRecord | undefined, { lesson, context, recorder, facts, version, startedAt, seconds }: Completion): RunRecord {
  const { signal, seed, quick } = context;
  const planned = recorder.started?.epochs;
  const record: RunRecord = made ?? {
    lesson: { id: lesson.id, name: lesson.name, title: lesson.title },
    status: 'stopped',
    startedAt,
    version,
    settings: {},
    data: { name: lesson.dataset, source: 'unknown' },
    curves: [],
    epochs: [],
    warnings: [],
    timings: { totalSeconds: seconds },
  };
  const epochs = record.epochs.length > 0 ? record.epochs : recorder.epochs;
  const steps = (planned ?? Number.POSITIVE_INFINITY) * (recorder.started?.stepsPerEpoch ?? 0);
  const unfinished = signal.aborted && (planned === undefined || epochs.length < planned || recorder.steps < steps);
  const warnings = [...record.warnings];
  if (quick) warnings.push('A quick run (--quick): less data and fewer epochs than the lesson asks for.');
  const settings = mergeSettings(
    settingsOf(facts, seed),
    planned === undefined ? {} : { epochs: planned },
    recorder.started?.settings ?? {},
    record.settings,
  );
  return {
    ...record,
    status: unfinished && record.status === 'completed' ? 'stopped' : record.status,
    settings,
    epochs,
    curves: record.curves.length > 0 ? record.curves : recorder.curves,
    warnings,
    timings: { ...record.timings, totalSeconds: record.timings.totalSeconds || seconds },
  };
}

function settingsOf({ device, variant, threads }: DeviceFacts, seed: number): Record<string, string | number> {
  return { device: variant === '' || variant === device ? device : `${device} (${variant})`, threads, seed };
}

// Later ones win; 'batchSize' and 'batch size' are one setting.
function mergeSettings(...all: readonly RunRecord['settings'][]): RunRecord['settings'] {
  const merged = new Map<string, readonly [name: string, value: string | number | boolean]>();
  for (const [name, value] of all.flatMap((settings) => Object.entries(settings))) merged.set(readableName(name), [name, value]);
  return Object.fromEntries(merged.values());
}

function tell(
  run: RunRecord,
  written: WrittenReport,
  model: string | undefined,
  json: boolean,
  stdout: TextStream,
  stderr: TextStream,
): void {
  const stream = json ? stderr : stdout;
  const [failed, ...rest] = run.status === 'diverged' ? run.warnings : [undefined, ...run.warnings];
  if (failed !== undefined) stderr.write(`error: ${failed}\n`);
  for (const warning of rest) stream.write(`note: ${warning}\n`);
  const finals = metricsLine(finalMetrics(run));
  stream.write(
    `${[run.status === 'completed' ? 'done' : run.status, finals, formatSeconds(run.timings.totalSeconds)].filter(Boolean).join('   ')}\n`,
  );
  stream.write(`report   ${shown(written.report)}\n`);
  if (model !== undefined) stream.write(`model    ${shown(model)}\n`);
  if (!json) return;
  const { schema, lesson, status, version, settings, data, final, timings, warnings } = runMetrics(run);
  const files = { report: written.report, metrics: written.metrics, ...(model !== undefined && { model }) };
  stdout.write(`${JSON.stringify({ schema, lesson, status, version, final, settings, data, timings, warnings, files })}\n`);
}

// A path below the working folder is shown relative to it.
function shown(path: string): string {
  const here = `${process.cwd()}/`;
  return path.startsWith(here) ? path.slice(here.length) : path;
}

async function checkFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) throw new UsageError(`--data: '${folder}' is not a folder; give the folder that holds the data sets`);
}

async function exists(path: string, since: number): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && found.mtimeMs >= since - 2000 ? path : undefined; // an older run's model is not this run's
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
