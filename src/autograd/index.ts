// Functions around automatic differentiation.

export { anomalyEnabled as isAnomalyEnabled, detectAnomaly, setDetectAnomaly } from './anomaly.ts';
export { checkpoint } from './checkpoint.ts';
export { type BackwardOptions, backward, type GradOptions, grad } from './engine.ts';
export {
  CustomFunction as Function,
  customFunction,
  type FunctionContext,
  type FunctionDefinition,
  type FunctionGradient,
  type FunctionResult,
} from './function.ts';
export { enableGrad, isGradEnabled, noGrad, setGradEnabled } from './mode.ts';
