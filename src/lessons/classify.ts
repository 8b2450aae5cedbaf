// What the classification lessons share: train on Fashion-MNIST, save the model, and gather the run's record.

import { join } from 'node:path';
import { noGrad } from '../autograd/mode.ts';
import type { LessonContext } from '../cli/context.ts';
import { type Classifier, DivergenceError, FashionMNIST, Trainer } from '../d2l/index.ts';
import { saveSafetensors } from '../io/index.ts';
import type * as nn from '../nn/index.ts';
import { numbersSync } from '../ops/read.ts';
import type { RunImage, RunRecord } from '../report/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { version } from '../version.ts';

export interface ClassificationLesson {
  lesson: { id: string; name: string; title: string };
  batchSize: number;
  epochs: number;
  /** Builds the model; the first batch is there for lazy layers. */
  model: (firstBatch: readonly Tensor[]) => Classifier;
  /** Modules whose layers the report lists; the model's net by default. */
  settings: Readonly<Record<string, string | number>>;
}

/** The first `count` validation images with the classes that the model gives them. */
async function predictions(model: Classifier, data: FashionMNIST, count: number): Promise<RunImage[]> {
  model.eval();
  for await (const [x, y] of data.valDataloader()) {
    const n = Math.min(count, x.shape[0]);
    const images = x.slice(0, 0, n);
    const predicted = noGrad(() => model(images).argmax(1));
    const [names, truths] = [data.textLabels(predicted), data.textLabels(y.slice(0, 0, n))];
    const pixels = numbersSync(images);
    const [height, width] = x.shape.slice(2);
    return names.map((name, i) => ({
      pixels: pixels.slice(i * height * width, (i + 1) * height * width),
      width,
      height,
      predicted: name,
      truth: truths[i],
      correct: name === truths[i],
    }));
  }
  return [];
}

/** Trains as the lesson says and gives the record; the model is saved as model.safetensors in the run's folder. */
export async function runClassification(
  context: LessonContext,
  { lesson, batchSize, epochs, model: build, settings }: ClassificationLesson,
): Promise<RunRecord> {
  const { progress, signal, quick, out, breathe } = context;
  const startedAt = new Date().toISOString();
  const begin = performance.now();
  const maxEpochs = context.epochs ?? (quick ? 1 : epochs);
  const data = new FashionMNIST({
    batchSize,
    sizes: quick ? { train: 6000, val: 1000 } : {},
    ...(context.data === undefined ? {} : { root: context.data }),
    onNote: (text) => progress.note(text),
  });
  await data.prepareData();
  let first: readonly Tensor[] = [];
  for await (const batch of data.valDataloader()) {
    first = batch;
    break;
  }
  const model = build(first);
  const steps = data.trainDataloader().length;
  progress.start({ title: lesson.title, epochs: maxEpochs, stepsPerEpoch: steps, settings: { ...settings, batchSize } });
  const trainer = new Trainer({ maxEpochs, progress, signal, breathe });
  const warnings: string[] = [];
  const trainBegin = performance.now();
  let status: RunRecord['status'] = 'completed';
  try {
    await trainer.fit(model, data);
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
    status = 'diverged';
    warnings.push(error.message);
  }
  const trainSeconds = (performance.now() - trainBegin) / 1000;
  if (signal.aborted) status = 'stopped';
  if (status !== 'diverged') await saveSafetensors(join(out, 'model.safetensors'), model.stateDict());
  const rows = model.net === undefined ? [] : (model.net as nn.Module).summary(first[0].slice(0, 0, 1)).rows;
  return {
    lesson,
    status,
    startedAt,
    version,
    settings: { ...settings, epochs: maxEpochs, 'batch size': batchSize },
    data: {
      name: 'Fashion-MNIST',
      source: data.source === 'stand-in' ? 'stand-in' : 'real',
      detail: data.note,
      trainExamples: data.size(true),
      validationExamples: data.size(false),
    },
    curves: [...model.board.data].map(([name, points]) => ({ name, points })),
    epochs: trainer.history,
    images: await predictions(model, data, 24),
    summary: rows.map((r) => ({ layer: `${r.path} ${r.kind}`.trim(), outputShape: r.outputShape, parameters: r.parameters })),
    warnings,
    timings: {
      totalSeconds: (performance.now() - begin) / 1000,
      trainSeconds,
      stepsPerSecond: trainer.trainBatchIdx / trainSeconds,
      examplesPerSecond: (trainer.trainBatchIdx * batchSize) / trainSeconds,
    },
  };
}
