// What the classification lessons share: train on Fashion-MNIST, save the model, look at what it gets wrong, and make the record.

import { join } from 'node:path';
import { noGrad } from '../autograd/mode.ts';
import type { LessonContext } from '../cli/context.ts';
import { type Classifier, FashionMNIST } from '../d2l/index.ts';
import { fashionLabels } from '../data/index.ts';
import { saveSafetensors } from '../io/index.ts';
import type * as nn from '../nn/index.ts';
import { numbersSync } from '../ops/read.ts';
import type { Confusion, RunImage, RunRecord, SummaryRow } from '../report/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { version } from '../version.ts';
import { train } from './train.ts';

export interface ClassificationLesson {
  lesson: { id: string; name: string; title: string };
  batchSize: number;
  epochs: number;
  /** Builds the model; the first batch is there for lazy layers. */
  model: (firstBatch: readonly Tensor[]) => Classifier;
  settings: Readonly<Record<string, string | number>>;
  /** What a reader of a quick run must know. */
  quickNote?: string;
}

/** Trains as the lesson says and gives the record; the model is saved as model.safetensors in the run's folder. */
export async function runClassification(
  context: LessonContext,
  { lesson, batchSize, epochs, model: build, settings, quickNote }: ClassificationLesson,
): Promise<RunRecord> {
  const { progress, quick, out, signal } = context;
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
  const [x] = await data.getDataloader(false).first();
  const model = build([x]);
  const trained = await train(context, { title: lesson.title, model, data, maxEpochs, settings: { ...settings, 'batch size': batchSize } });
  const sound = trained.status !== 'diverged'; // weights of NaN are of no use to anybody
  if (sound) await saveSafetensors(join(out, 'model.safetensors'), model.stateDict());
  return {
    lesson,
    status: trained.status,
    startedAt,
    version,
    settings: { ...settings, epochs: maxEpochs, 'batch size': batchSize },
    data: {
      name: 'Fashion-MNIST',
      source: data.source === 'stand-in' ? 'stand-in' : 'real',
      detail: data.note,
      trainExamples: data.train.length,
      validationExamples: data.val.length,
    },
    curves: trained.curves,
    epochs: trained.epochs,
    ...(sound && (await lookAt(model, data, { images: 24, signal }))),
    summary: layers(model, x.slice(0, 0, 1)),
    warnings: [...(quick && quickNote !== undefined ? [quickNote] : []), ...trained.warnings],
    timings: {
      totalSeconds: (performance.now() - begin) / 1000,
      trainSeconds: trained.seconds,
      stepsPerSecond: trained.steps / trained.seconds,
      examplesPerSecond: (trained.steps * batchSize) / trained.seconds,
    },
  };
}

/** The first validation images with the classes the model gives them, and how often it takes which class for which. */
async function lookAt(
  model: Classifier,
  data: FashionMNIST,
  { images: count, signal }: { images: number; signal: AbortSignal },
): Promise<{ images: RunImage[]; confusion?: Confusion }> {
  model.eval();
  const images: RunImage[] = [];
  const counts = fashionLabels.map(() => fashionLabels.map(() => 0));
  for await (const [x, y] of data.valDataloader()) {
    const predicted = numbersSync(noGrad(() => model(x).argmax(1)));
    const truth = numbersSync(y);
    predicted.forEach((p, i) => counts[truth[i]][p]++);
    if (images.length < count) images.push(...pictures(x, predicted, truth, count - images.length));
    // Who pressed Ctrl-C waits for the report: the pictures are enough.
    if (signal.aborted) return { images };
  }
  return { images, confusion: { labels: fashionLabels, counts } };
}

function pictures(x: Tensor, predicted: readonly number[], truth: readonly number[], count: number): RunImage[] {
  const n = Math.min(count, x.shape[0]);
  const [height, width] = x.shape.slice(2);
  const pixels = numbersSync(x.slice(0, 0, n));
  return Array.from({ length: n }, (_, i) => ({
    pixels: pixels.slice(i * height * width, (i + 1) * height * width),
    width,
    height,
    predicted: fashionLabels[predicted[i]],
    truth: fashionLabels[truth[i]],
    correct: predicted[i] === truth[i],
  }));
}

/** The layers of `net` for an input; a model that is written out has none. */
export function layers(model: { net?: nn.Module }, input: Tensor): SummaryRow[] {
  if (model.net === undefined) return [];
  return model.net.summary(input).rows.map(({ path, kind, outputShape, parameters }) => ({
    layer: `${path} ${kind.replace(/^Lazy/, '')}`.trim(), // it has met its input by now
    outputShape,
    parameters,
  }));
}
