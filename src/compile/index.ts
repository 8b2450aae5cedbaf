// The face of compilation: functions as recorded programs.

export { type CompileOptions, type Compiled, compile } from './compile.ts';
export { CompileError } from './recorder.ts';
