// Functions around automatic differentiation.

export { type BackwardOptions, backward, detectAnomaly, grad } from './engine.ts';
export { enableGrad, isGradEnabled, noGrad, setGradEnabled } from './mode.ts';
