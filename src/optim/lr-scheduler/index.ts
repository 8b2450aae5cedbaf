// The face of the learning-rate schedules.

export { ChainedScheduler, SequentialLR } from './compose.ts';
export { CosineAnnealingLR, CosineAnnealingWarmRestarts, type CosineOptions, type WarmRestartOptions } from './cosine.ts';
export { CyclicLR, type CyclicOptions, OneCycleLR, type OneCycleOptions } from './cycle.ts';
export {
  ConstantLR,
  type ConstantOptions,
  type DecayOptions,
  type EpochFunction,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  type LinearOptions,
  MultiplicativeLR,
  MultiStepLR,
  PolynomialLR,
  type PolynomialOptions,
  StepLR,
} from './decay.ts';
export { type PlateauOptions, ReduceLROnPlateau } from './plateau.ts';
export { LRScheduler, type Scheduled, type ScheduledGroup, type SchedulerOptions, type SchedulerState } from './scheduler.ts';
