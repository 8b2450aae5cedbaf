// Section 3.7: weight decay on a regression with 200 inputs and 20 examples, which without it learns its examples by heart.

import type { LessonContext } from '../cli/context.ts';
import { type BatchLoader, DataModule, LinearRegression, LinearRegressionScratch, type OptimizerLike } from '../d2l/index.ts';
import { ones, randn } from '../ops/create.ts';
import { itemSync } from '../ops/read.ts';
import * as optim from '../optim/index.ts';
import type { Curve, EpochRow, RunRecord } from '../report/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { version } from '../version.ts';
import { layers } from './classify.ts';
import { type Trained, train } from './train.ts';

export interface DataOptions {
  numTrain: number;
  numVal: number;
  numInputs: number;
  batchSize: number;
}

/** y = 0.05 + Σ 0.01·x + noise of deviation 0.01: X is [n, numInputs], y is [n, 1]. */
export class Data extends DataModule {
  declare numTrain: number;
  readonly X: Tensor;
  readonly y: Tensor;

  constructor(options: DataOptions) {
    super();
    this.saveHyperparameters(options);
    const { numTrain, numVal, numInputs } = options;
    this.X = randn([numTrain + numVal, numInputs]);
    const noise = randn([numTrain + numVal, 1]).mul(0.01);
    this.y = this.X.matmul(ones([numInputs, 1]).mul(0.01))
      .add(0.05)
      .add(noise);
  }

  getDataloader(train: boolean): BatchLoader {
    const indices = train ? { stop: this.numTrain } : { start: this.numTrain };
    return this.getTensorloader([this.X, this.y], train, { indices });
  }
}

/** Half the squared length of the weights. */
export function l2Penalty(w: Tensor): Tensor {
  return w.square().sum().div(2);
}

/** Linear regression that adds lambd·l2Penalty(w) to its loss. */
export class WeightDecayScratch extends LinearRegressionScratch {
  declare lambd: number;

  constructor(options: { numInputs: number; lambd: number; lr: number; sigma?: number }) {
    super(options);
    this.saveHyperparameters({ sigma: 0.01, ...options });
  }

  override loss(yHat: Tensor, y: Tensor): Tensor {
    return super.loss(yHat, y).add(l2Penalty(this.w).mul(this.lambd));
  }
}

/** Linear regression whose optimizer adds wd·w to the gradient of the weights; the offset is left alone. */
export class WeightDecay extends LinearRegression {
  declare wd: number;

  constructor(options: { wd: number; lr: number }) {
    super(options);
    this.saveHyperparameters(options);
  }

  override configureOptimizers(): OptimizerLike {
    const { weight, bias } = this.net;
    return new optim.SGD([{ params: [weight], weightDecay: this.wd }, { params: [bias as Tensor] }], { lr: this.lr });
  }
}

/** Trains without decay, with a penalty in the loss, and with decay in the optimizer, and compares how large the weights become. */
export async function run(context: LessonContext): Promise<RunRecord> {
  const startedAt = new Date().toISOString();
  const begin = performance.now();
  const [lr, lambd, numInputs] = [0.01, 3, 200];
  const maxEpochs = context.epochs ?? 10;
  const data = new Data({ numTrain: 20, numVal: 100, numInputs, batchSize: 5 });
  const concise = new WeightDecay({ wd: lambd, lr });
  concise.applyInit([data.X]);
  const runs = [
    { name: 'no decay', model: new WeightDecayScratch({ numInputs, lambd: 0, lr }) },
    { name: 'penalty', model: new WeightDecayScratch({ numInputs, lambd, lr }) },
    { name: 'optimizer', model: concise },
  ];
  const done: (Trained & { name: string; penalty: number })[] = [];
  for (const { name, model } of runs) {
    if (context.signal.aborted || done.some(({ status }) => status !== 'completed')) break;
    const settings = { 'learning rate': lr, 'weight decay': name === 'no decay' ? 0 : lambd, 'batch size': data.batchSize };
    const trained = await train(context, { title: `Weight decay: ${name}`, model, data, maxEpochs, settings });
    const w = model instanceof WeightDecay ? model.getWB()[0] : model.w.detach();
    done.push({ ...trained, name, penalty: itemSync(l2Penalty(w)) });
  }
  const last = done.at(-1);
  return {
    lesson: { id: '3.7', name: 'weight-decay', title: 'Weight decay' },
    status: last === undefined || done.length < runs.length ? (last?.status === 'diverged' ? 'diverged' : 'stopped') : last.status,
    startedAt,
    version,
    settings: { 'learning rate': lr, 'weight decay': `0 and ${lambd}`, optimizer: 'SGD', epochs: maxEpochs, 'batch size': data.batchSize },
    data: {
      name: 'synthetic data',
      source: 'generated',
      detail: `y = 0.05 + Σ 0.01·x + noise, ${numInputs} inputs`,
      trainExamples: 20,
      validationExamples: 100,
    },
    curves: done.flatMap(({ name, curves }) => curves.map((curve): Curve => ({ ...curve, group: name, yscale: 'log' }))),
    epochs: sideBySide(done),
    final: {
      val_loss: last?.epochs.at(-1)?.metrics.val_loss ?? Number.NaN,
      ...Object.fromEntries(done.map(({ name, penalty }) => [`${name}: ½|w|²`, penalty])),
    },
    summary: layers(concise, data.X.slice(0, 0, 1)),
    warnings: done.flatMap(({ warnings }) => warnings),
    timings: { totalSeconds: (performance.now() - begin) / 1000 },
  };
}

/** Validation losses of all trainings, one row an epoch. */
function sideBySide(done: readonly { name: string; epochs: readonly EpochRow[] }[]): EpochRow[] {
  const rows: EpochRow[] = [];
  for (const { name, epochs } of done) {
    epochs.forEach(({ epoch, metrics, seconds }, i) => {
      const before = rows[i] ?? { epoch, metrics: {}, seconds: 0 };
      const own = metrics.val_loss === undefined ? {} : { [`${name} val_loss`]: metrics.val_loss };
      rows[i] = { epoch, metrics: { ...before.metrics, ...own }, seconds: before.seconds + seconds };
    });
  }
  return rows;
}
