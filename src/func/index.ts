// Transforms of functions.

export { hessian, type JacobianOptions, jacfwd, jacrev } from './jacobian.ts';
export type { Argnums } from './lift.ts';
export { type GradTransformOptions, grad, gradAndValue, jvp, type OfArguments, valueAndGrad, vjp } from './transforms.ts';
export { type BatchDim, type VmapOptions, vmap } from './vmap.ts';
