// The WebAssembly backend: the embedded default that always works.
export { createWasmMachine, type WasmMachineOptions } from './machine.ts';
