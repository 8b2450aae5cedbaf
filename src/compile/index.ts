// The face of compilation: functions as recorded programs.

export { type Compiled, type CompileOptions, compile, fromRecordings, type Recorded, saveRecordings } from './compile.ts';
export { loadContents, loadPlan } from './load.ts';
export { CompileError } from './recorder.ts';
export type { SavedFunction, SavedPlan } from './save.ts';
