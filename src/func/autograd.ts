// The namespace `autograd`: automatic differentiation of tensors, and what is built on it.

export * from '../autograd/index.ts';
export * as functional from './functional.ts';
export {
  type GradcheckOptions,
  type GradcheckReport,
  gradcheck,
  gradcheckReport,
  gradgradcheck,
  type WorstEntry,
} from './gradcheck.ts';
