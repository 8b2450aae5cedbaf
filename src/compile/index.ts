// The face of compilation: functions as recorded programs.

export { type Compiled, type CompileOptions, compile } from './compile.ts';
export { CompileError } from './recorder.ts';
