// The Trainer: the loop over epochs and batches.

import { noGrad } from '../autograd/mode.ts';
import { clipGradNorm_ } from '../nn/index.ts';
import type { Metrics, Point, ProgressSink } from '../plot/index.ts';
import { ValueError } from '../runtime/errors.ts';
import { pressureYield } from '../runtime/memory.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { HyperParameters } from './hyperparameters.ts';
import type { Batch, BatchLoader, DataModule, Module, OptimizerLike } from './module.ts';
import { resumeTraining, saveTraining, type TrainerCheckpoint } from './trainer-checkpoint.ts';
import { tryAllGpus } from './utils.ts';

export interface TrainerOptions {
  maxEpochs: number;
  /** Accelerators to use at most; where there are fewer, training runs on what there is. */
  numGpus?: number;
  /** Largest norm of the gradient; 0 does not clip. */
  gradientClipVal?: number;
  /** Saves the run after epochs, and goes on from there bit by bit when it is started again. */
  checkpoint?: TrainerCheckpoint;
  /** Receives what happens, for charts and logs. */
  progress?: ProgressSink;
  /** Training stops after the step during which it aborts. */
  signal?: AbortSignal;
  /** Awaited after every step; lets signals and timers in. */
  breathe?: () => Promise<void>;
}

/** The loss became NaN or infinite. */
export class DivergenceError extends ValueError {
  override name = 'DivergenceError';
}

/** Fits a model to data: per epoch one pass over the training batches with updates, one over the validation batches without. */
export class Trainer extends HyperParameters {
  declare maxEpochs: number;
  declare numGpus: number;
  /** The accelerators in use; empty: the CPU. */
  readonly gpus: readonly string[];
  declare gradientClipVal: number;
  readonly checkpoint: TrainerCheckpoint | undefined;
  readonly progress: ProgressSink | undefined;
  readonly signal: AbortSignal | undefined;
  readonly breathe: (() => Promise<void>) | undefined;
  model!: Module;
  optim!: OptimizerLike;
  trainLoader!: BatchLoader;
  valLoader: BatchLoader | null = null;
  numTrainBatches = 0;
  numValBatches = 0;
  epoch = 0;
  trainBatchIdx = 0;
  valBatchIdx = 0;
  /** Metrics of every finished epoch: means over its batches. */
  readonly history: { epoch: number; metrics: Metrics; seconds: number }[] = [];
  #sums = new Map<string, { sum: number; n: number }>();
  /** Values of the latest training step. */
  #last: Record<string, number> = {};
  #stepLoss: number | undefined;

  constructor(options: TrainerOptions) {
    super();
    this.saveHyperparameters({ numGpus: 0, gradientClipVal: 0, ...options }, { ignore: ['progress', 'signal', 'breathe', 'checkpoint'] });
    const { maxEpochs, numGpus, gradientClipVal } = this;
    if (!Number.isInteger(maxEpochs) || maxEpochs < 1)
      throw new ValueError(`Trainer: maxEpochs ${maxEpochs} must be a whole number of at least 1`);
    if (!Number.isInteger(numGpus) || numGpus < 0) throw new ValueError(`Trainer: numGpus ${numGpus} must be a whole number of at least 0`);
    if (!(gradientClipVal >= 0)) throw new ValueError(`Trainer: gradientClipVal ${gradientClipVal} must be at least 0; 0 does not clip`);
    this.gpus = tryAllGpus().slice(0, numGpus);
    this.checkpoint = options.checkpoint;
    this.progress = options.progress;
    this.signal = options.signal;
    this.breathe = options.breathe;
  }

  /** True once the signal has aborted. */
  get stopped(): boolean {
    return this.signal?.aborted ?? false;
  }

  /** Makes the loaders. */
  async prepareData(data: DataModule): Promise<void> {
    await data.prepareData();
    this.trainLoader = data.trainDataloader();
    this.valLoader = data.valDataloader();
    this.numTrainBatches = this.trainLoader.length;
    this.numValBatches = this.valLoader?.length ?? 0;
  }

  /** Ties the model to this trainer. */
  prepareModel(model: Module): void {
    model.trainer = this;
    model.board.xlim = [0, this.maxEpochs];
    this.model = model;
  }

  /** Moves a batch to the device; CPU devices have nothing to do. */
  prepareBatch(batch: Batch): Batch {
    return batch;
  }

  /** Notes a value for the epoch's means, and hands on the point that the board drew with it. Called by Module.plot. */
  note(label: string, value: number, point?: Point): void {
    const s = this.#sums.get(label) ?? { sum: 0, n: 0 };
    this.#sums.set(label, { sum: s.sum + value, n: s.n + 1 });
    if (this.model.training) this.#last[label] = value;
    if (label === 'train_loss') this.#stepLoss = value;
    if (point !== undefined) this.progress?.point({ series: label, ...point });
  }

  /** Trains for maxEpochs epochs, or until the signal aborts. DivergenceError when the loss is no finite number. */
  async fit(model: Module, data: DataModule): Promise<void> {
    await this.prepareData(data);
    this.prepareModel(model);
    this.optim = model.configureOptimizers();
    this.epoch = this.trainBatchIdx = this.valBatchIdx = 0;
    this.history.length = 0;
    if (this.checkpoint !== undefined) await resumeTraining(this, this.checkpoint);
    for (; this.epoch < this.maxEpochs && !this.stopped; this.epoch++) {
      const begin = performance.now();
      this.#sums = new Map();
      await this.fitEpoch();
      if (this.stopped) break;
      const metrics: Record<string, number> = {};
      for (const [name, { sum, n }] of this.#sums) metrics[name] = sum / n;
      const row = { epoch: this.epoch + 1, metrics, seconds: (performance.now() - begin) / 1000 };
      this.history.push(row);
      this.progress?.epoch(row);
      if (this.checkpoint !== undefined) await saveTraining(this, this.epoch + 1, this.checkpoint);
    }
  }

  /** One pass over the training batches and one over the validation batches. */
  async fitEpoch(): Promise<void> {
    this.model.train();
    for await (const batch of this.trainLoader) {
      this.#stepLoss = undefined;
      const loss = this.model.trainingStep(this.prepareBatch(batch));
      this.#check(loss);
      this.optim.zeroGrad();
      loss.backward();
      noGrad(() => {
        if (this.gradientClipVal > 0) this.clipGradients(this.gradientClipVal, this.model);
        this.optim.step();
      });
      this.trainBatchIdx++;
      this.progress?.step({
        epoch: this.epoch + 1,
        step: ((this.trainBatchIdx - 1) % this.numTrainBatches) + 1,
        metrics: { ...this.#last },
      });
      await this.breathe?.();
      await pressureYield();
      if (this.stopped) return;
    }
    if (this.valLoader === null) return;
    this.model.eval();
    for await (const batch of this.valLoader) {
      noGrad(() => this.model.validationStep(this.prepareBatch(batch)));
      this.valBatchIdx++;
      await this.breathe?.();
      await pressureYield();
      if (this.stopped) break;
    }
    this.model.train();
  }

  /** Scales the gradients of all parameters so that their common norm is at most `value`. */
  clipGradients(value: number, model: Module): void {
    clipGradNorm_(model.parameters(), value);
  }

  // A model that does not plot its loss pays one more read for the check.
  #check(loss: Tensor): void {
    const value = this.#stepLoss ?? loss.detach().itemSync();
    if (Number.isFinite(value)) return;
    throw new DivergenceError(
      `training: the loss is ${value} at step ${this.trainBatchIdx + 1} (epoch ${this.epoch + 1}); use a smaller learning rate, clip gradients, or find the operation with detectAnomaly`,
    );
  }
}
