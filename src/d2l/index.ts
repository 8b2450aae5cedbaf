// The book's toolkit under its own names, in camelCase.

export { type PlotOptions, plot, type ShowImagesOptions, setFigsize, showImages } from '../plot/index.ts';
export { Animator, type AnimatorOptions } from './animator.ts';
export { initCnn, LeNet, SoftmaxRegression } from './classifiers.ts';
export { FashionMNIST, type FashionMNISTOptions } from './fashion-mnist.ts';
export { addToClass, HyperParameters } from './hyperparameters.ts';
export { LinearRegression, LinearRegressionScratch, SGD, SyntheticRegressionData, type SyntheticRegressionOptions } from './linear.ts';
export {
  type Batch,
  type BatchLoader,
  Classifier,
  DataModule,
  type DataModuleOptions,
  Module,
  type ModuleOptions,
  type OptimizerLike,
} from './module.ts';
export { ProgressBoard, type ProgressBoardOptions } from './progress-board.ts';
export { DivergenceError, Trainer, type TrainerOptions } from './trainer.ts';
export type { TrainerCheckpoint } from './trainer-checkpoint.ts';
export { Accumulator, accuracy, cpu, gpu, numGpus, Timer, tryAllGpus, tryGpu } from './utils.ts';
