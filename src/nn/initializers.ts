// All initialisers, the face `nn.init`.

export {
  calculateFanInAndFanOut,
  calculateGain,
  constant_,
  type KaimingOptions,
  kaimingNormal_,
  kaimingUniform_,
  type Nonlinearity,
  normal_,
  ones_,
  type RandomInit,
  uniform_,
  xavierNormal_,
  xavierUniform_,
  zeros_,
} from './init.ts';
export * from './init-structured.ts';
