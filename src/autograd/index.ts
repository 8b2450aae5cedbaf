// Functions around automatic differentiation.

export { backward, type BackwardOptions, detectAnomaly, grad } from './engine.ts';
export { enableGrad, isGradEnabled, noGrad, setGradEnabled } from './mode.ts';
