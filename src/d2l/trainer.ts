// The Trainer: the loop over epochs and batches.

import { noGrad } from '../autograd/mode.ts';
import { clipGradNorm_ } from '../nn/index.ts';
import type { Metrics, ProgressSink } from '../plot/index.ts';
import { ValueError } from '../runtime/errors.ts';
import { pressureYield } from '../runtime/memory.ts';
import { isFloating } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { HyperParameters } from './hyperparameters.ts';
import type { Batch, BatchLoader, DataModule, Module, OptimizerLike } from './module.ts';
import { resumeTraining, saveTraining, type TrainerCheckpoint } from './trainer-checkpoint.ts';

export interface TrainerOptions {
  maxEpochs: number;
  /** Accelerators to use; none are supported on CPU devices, so it must be 0. */
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
  declare gradientClipVal: number;
  declare checkpoint: TrainerCheckpoint | undefined;
  declare progress: ProgressSink | undefined;
  declare signal: AbortSignal | undefined;
  declare breathe: (() => Promise<void>) | undefined;
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
  #last: Record<string, number> = {};

  constructor(options: TrainerOptions) {
    super();
    const { maxEpochs, numGpus = 0 } = options;
    if (!Number.isInteger(maxEpochs) || maxEpochs < 1)
      throw new ValueError(`Trainer: maxEpochs ${maxEpochs} must be a whole number of at least 1`);
    if (numGpus !== 0) throw new ValueError(`Trainer: numGpus ${numGpus}, but no accelerator is available; use 0`);
    this.saveHyperparameters({ gradientClipVal: 0, ...options });
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
    model.board.onPoint ??= (event) => this.progress?.point(event);
    this.model = model;
  }

  /** Moves a batch to the device; CPU devices have nothing to do. */
  prepareBatch(batch: Batch): Batch {
    return batch;
  }

  /** Notes a value for the epoch's means. Called by Module.plot. */
  note(key: string, value: number, { train }: { train: boolean }): void {
    const name = `${train ? 'train' : 'val'}_${key}`;
    const s = this.#sums.get(name);
    if (s === undefined) this.#sums.set(name, { sum: value, n: 1 });
    else {
      s.sum += value;
      s.n++;
    }
    this.#last[name] = value;
  }

  /** Trains for maxEpochs epochs, or until the signal aborts. DivergenceError when the loss is no finite number. */
  async fit(model: Module, data: DataModule): Promise<void> {
    await this.prepareData(data);
    this.prepareModel(model);
    this.optim = model.configureOptimizers();
    this.epoch = this.trainBatchIdx = this.valBatchIdx = 0;
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

  #check(loss: Tensor): void {
    const value = this.#last['train_loss'] ?? (isFloating(loss.dtype) ? loss.detach().itemSync() : 0);
    if (Number.isFinite(value)) return;
    throw new DivergenceError(
      `training: the loss is ${value} at step ${this.trainBatchIdx + 1} (epoch ${this.epoch + 1}); use a smaller learning rate, clip gradients, or find the operation with detectAnomaly`,
    );
  }
}
