// The book's Module, DataModule and Classifier: a model knows its loss, its steps and its optimizer; a data module its loaders.

import { noGrad } from '../autograd/mode.ts';
import { DataLoader, TensorDataset } from '../data/index.ts';
import * as nn from '../nn/index.ts';
import { randn } from '../ops/create.ts';
import { index } from '../ops/indexing.ts';
import type { IndexItem } from '../ops/indexing-parse.ts';
import { numbersSync } from '../ops/read.ts';
import { SGD } from '../optim/index.ts';
import { ValueError } from '../runtime/errors.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { HyperParameters, saveHyperparameters } from './hyperparameters.ts';
import { ProgressBoard } from './progress-board.ts';
import type { Trainer } from './trainer.ts';

/** A minibatch: inputs first, the target last. */
export type Batch = readonly Tensor[];

/** What an optimizer must offer to the Trainer. */
export interface OptimizerLike {
  step(): void;
  zeroGrad(): void;
}

export interface ModuleOptions {
  plotTrainPerEpoch?: number;
  plotValidPerEpoch?: number;
  board?: ProgressBoard;
}

/** Base of all models of the book. */
export abstract class Module extends nn.Module<Tensor[], Tensor> {
  declare hparams: Readonly<Record<string, unknown>>;
  declare net: nn.Module;
  declare trainer: Trainer;
  declare lr: number;
  plotTrainPerEpoch: number;
  plotValidPerEpoch: number;
  board: ProgressBoard;

  constructor({ plotTrainPerEpoch = 2, plotValidPerEpoch = 1, board = new ProgressBoard() }: ModuleOptions = {}) {
    super();
    this.plotTrainPerEpoch = plotTrainPerEpoch;
    this.plotValidPerEpoch = plotValidPerEpoch;
    this.board = board;
  }

  /** Copies the entries of an options object into fields and into `hparams`, except the ignored ones. */
  saveHyperparameters(options: object, { ignore = [] }: { ignore?: readonly string[] } = {}): void {
    saveHyperparameters(this, options, { ignore });
  }

  /** The loss of predictions against targets. */
  abstract loss(yHat: Tensor, y: Tensor, options?: { averaged?: boolean }): Tensor;

  /** Applies `net`; models with more than one input override it. */
  forward(...inputs: Tensor[]): Tensor {
    if (this.net === undefined) throw new ValueError(`${this.constructor.name}: define net, or override forward`);
    return this.net(inputs[0]);
  }

  /** Draws a value of the current step on the board and hands it to the trainer. */
  plot(key: string, value: Tensor, { train }: { train: boolean }): void {
    const { trainer } = this;
    if (trainer === undefined)
      throw new ValueError(`${this.constructor.name}.plot: the model has no trainer yet; plot inside trainingStep or validationStep`);
    const y = numbersSync(value.detach())[0];
    const [x, everyN] = train
      ? [trainer.trainBatchIdx / trainer.numTrainBatches, trainer.numTrainBatches / this.plotTrainPerEpoch]
      : [trainer.epoch + 1, trainer.numValBatches / this.plotValidPerEpoch];
    const label = `${train ? 'train_' : 'val_'}${key}`;
    this.board.xlabel = 'epoch';
    const point = this.board.draw(x, y, label, { everyN });
    trainer.note(label, y, this.board.display ? point : undefined);
  }

  /** The loss of a training batch. */
  trainingStep(batch: Batch): Tensor {
    const l = this.loss(this(...batch.slice(0, -1)), batch[batch.length - 1]);
    this.plot('loss', l, { train: true });
    return l;
  }

  /** Draws the loss of a validation batch. */
  validationStep(batch: Batch): void {
    this.plot('loss', this.loss(this(...batch.slice(0, -1)), batch[batch.length - 1]), { train: false });
  }

  /** The optimizer; minibatch SGD with the learning rate `lr` unless overridden. */
  configureOptimizers(): OptimizerLike {
    return new SGD(this.parameters(), { lr: this.lr });
  }

  /** Runs one forward pass so that lazy layers get their shapes, then applies an initialiser to every layer. */
  applyInit(inputs: readonly Tensor[], init?: (module: nn.AnyModule) => void): void {
    noGrad(() => this(...inputs));
    if (init !== undefined) this.net.apply(init);
  }
}

/** Base of models that tell classes apart. */
export abstract class Classifier extends Module {
  /** Draws loss and accuracy of a validation batch. */
  override validationStep(batch: Batch): void {
    const yHat = this(...batch.slice(0, -1));
    const y = batch[batch.length - 1];
    this.plot('loss', this.loss(yHat, y), { train: false });
    this.plot('acc', this.accuracy(yHat, y), { train: false });
  }

  /** Share of rows whose largest score is the label's: a scalar, or one 0 or 1 per row. yHat is [..., C], y is [...]. */
  accuracy(yHat: Tensor, y: Tensor, { averaged = true }: { averaged?: boolean } = {}): Tensor {
    const scores = yHat.detach().reshape([-1, yHat.shape[yHat.ndim - 1]]);
    const hit = scores
      .argmax(1)
      .eq(y.reshape([-1]))
      .to('float32');
    return averaged ? hit.mean() : hit;
  }

  /** Cross-entropy of logits [..., C] against class indices [...]. */
  override loss(yHat: Tensor, y: Tensor, { averaged = true }: { averaged?: boolean } = {}): Tensor {
    return nn.functional.crossEntropy(yHat.reshape([-1, yHat.shape[yHat.ndim - 1]]), y.reshape([-1]), {
      reduction: averaged ? 'mean' : 'none',
    });
  }

  /** Output shape of every layer of `net` for an input of the given shape, layer by layer. */
  layerSummary(shape: Shape): { layer: string; outputShape: Shape }[] {
    const out: { layer: string; outputShape: Shape }[] = [];
    noGrad(() => {
      let x = randn(shape);
      for (const layer of this.net.children()) {
        x = layer(x) as Tensor;
        out.push({ layer: layerName(layer), outputShape: x.shape });
      }
    });
    return out;
  }
}

/** The kind of a layer as it is shown; a lazy layer that has met its input is called what it has become. */
export function layerName(layer: nn.AnyModule): string {
  return layer.parameters().some(nn.isLazy) ? layer.kind : layer.kind.replace(/^Lazy/, '');
}

export interface DataModuleOptions {
  root?: string;
  numWorkers?: number;
  batchSize?: number;
}

/** What the Trainer iterates over: batches with a known number. */
export interface BatchLoader extends AsyncIterable<Batch> {
  readonly length: number;
  /** The first batch of a pass. */
  first(): Promise<Batch>;
}

/** Base of the book's data sets. */
export abstract class DataModule extends HyperParameters {
  declare root: string;
  declare numWorkers: number;
  declare batchSize: number;

  constructor({ root = '../data', numWorkers = 4, batchSize = 32 }: DataModuleOptions = {}) {
    super();
    this.root = root;
    this.numWorkers = numWorkers;
    this.batchSize = batchSize;
  }

  /** Batches of the training or of the validation part. */
  abstract getDataloader(train: boolean): BatchLoader;

  /** Fetches what the loaders need; the Trainer awaits it. */
  async prepareData(): Promise<void> {}

  trainDataloader(): BatchLoader {
    return this.getDataloader(true);
  }

  valDataloader(): BatchLoader {
    return this.getDataloader(false);
  }

  /** Batches from tensors that share their first dimension; `indices` chooses rows: a slice such as '0:100', a list, an index tensor. */
  getTensorloader(tensors: readonly Tensor[], train: boolean, { indices = ':' }: { indices?: IndexItem } = {}): BatchLoader {
    const part = tensors.map((t) => index(t, [indices]));
    return new DataLoader(new TensorDataset(...part), { batchSize: this.batchSize, shuffle: train });
  }
}
