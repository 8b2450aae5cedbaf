// The native backend: the kernels compiled for this processor, in a Node add-on.
export { createNativeMachine, type NativeMachineOptions } from './machine.ts';
