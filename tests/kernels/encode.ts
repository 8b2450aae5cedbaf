// A small encoder over the machine for kernel tests: tensors in machine memory, instructions by hand, plain references beside them.
import { createWasmMachine } from '../../src/backends/wasm/index.ts';
import { platform } from '../../src/platform/node.ts';
import type { Machine } from '../../src/runtime/machine.ts';

export const DTYPES = { float32: 0, float64: 1, int64: 2, int32: 3, uint8: 4, bool: 5, float16: 6, bfloat16: 7 } as const;
export type DTypeName = keyof typeof DTYPES;
export const COMPUTE = { float32: 0, float64: 1, int64: 2 } as const;
const SIZES: Record<DTypeName, number> = { float32: 4, float64: 8, int64: 8, int32: 4, uint8: 1, bool: 1, float16: 2, bfloat16: 2 };

/** An operand in machine memory. Strides count elements. */
export interface Operand {
  address: number;
  dtype: DTypeName;
  strides: number[];
}

/** A scalar program: steps of [op, dst, a, b, c]. */
export interface ProgramSpec {
  steps: number[][];
  regs: number;
  results: number[];
}

/** One step over the inputs 0, 1, 2 into the first temporary. */
export const single = (op: number, inputs: number, constants = 0): ProgramSpec => {
  const dst = inputs + constants;
  return { steps: [[op, dst, 0, Math.min(1, dst - 1), Math.min(2, dst - 1)]], regs: dst + 1, results: [dst] };
};
export const identity: ProgramSpec = { steps: [], regs: 1, results: [0] };

export class Bench {
  readonly machine: Machine;
  private top: number;
  private readonly end: number;

  constructor(options: { threads?: number; variant?: string; bytes?: number } = {}) {
    this.machine = createWasmMachine(platform, { threads: options.threads ?? 1, variant: options.variant });
    this.top = Math.ceil(this.machine.heapBase / 64) * 64;
    this.end = this.top + (options.bytes ?? 256 * 2 ** 20);
    if (!this.machine.grow(this.end)) throw new Error('no memory');
  }

  /** Starts over with an empty memory. */
  reset(): void {
    this.top = Math.ceil(this.machine.heapBase / 64) * 64;
  }

  alloc(bytes: number): number {
    const address = this.top;
    this.top = Math.ceil((address + bytes + 64) / 64) * 64;
    if (this.top > this.end) throw new Error('test memory is full');
    return address;
  }

  /** Stores values (numbers; for int64 bigint or number) and returns their address. */
  put(dtype: DTypeName, values: ArrayLike<number | bigint>): number {
    const address = this.alloc(values.length * SIZES[dtype]);
    const buffer = this.machine.buffer();
    if (dtype === 'float32') new Float32Array(buffer, address, values.length).set(Array.from(values, Number));
    else if (dtype === 'float64') new Float64Array(buffer, address, values.length).set(Array.from(values, Number));
    else if (dtype === 'int64') new BigInt64Array(buffer, address, values.length).set(Array.from(values, (v) => BigInt(v)));
    else if (dtype === 'int32') new Int32Array(buffer, address, values.length).set(Array.from(values, Number));
    else if (dtype === 'float16' || dtype === 'bfloat16') new Uint16Array(buffer, address, values.length).set(Array.from(values, Number));
    else new Uint8Array(buffer, address, values.length).set(Array.from(values, Number));
    return address;
  }

  /** n values at an address as numbers (16-bit floats as their bits). */
  get(dtype: DTypeName, address: number, n: number): number[] {
    const buffer = this.machine.buffer();
    if (dtype === 'float32') return Array.from(new Float32Array(buffer, address, n));
    if (dtype === 'float64') return Array.from(new Float64Array(buffer, address, n));
    if (dtype === 'int64') return Array.from(new BigInt64Array(buffer, address, n), Number);
    if (dtype === 'int32') return Array.from(new Int32Array(buffer, address, n));
    if (dtype === 'float16' || dtype === 'bfloat16') return Array.from(new Uint16Array(buffer, address, n));
    return Array.from(new Uint8Array(buffer, address, n));
  }

  bytes(address: number, n: number): Uint8Array {
    return new Uint8Array(this.machine.buffer(), address, n).slice();
  }

  words(words: readonly number[]): number {
    const address = this.alloc(words.length * 8);
    new Float64Array(this.machine.buffer(), address, words.length).set(words);
    return address;
  }

  program(spec: ProgramSpec): number {
    return this.words([spec.steps.length, spec.regs, ...spec.results, ...spec.steps.flat()]);
  }

  /** Encodes and runs one instruction from its opcode and operands (from word 2 on). */
  execute(opcode: number, operands: readonly number[]): number {
    return this.machine.execute(this.words([opcode, operands.length + 2, ...operands]), 1);
  }

  ewise(
    spec: ProgramSpec,
    shape: readonly number[],
    outputs: readonly Operand[],
    inputs: readonly Operand[],
    { constants = [], compute = 'float32' }: { constants?: readonly number[]; compute?: keyof typeof COMPUTE } = {},
  ): number {
    const place = (o: Operand): number[] => [o.address, DTYPES[o.dtype]];
    return this.execute(1, [
      this.program(spec),
      inputs.length,
      outputs.length,
      constants.length,
      shape.length,
      shape.reduce((a, b) => a * b, 1),
      COMPUTE[compute],
      ...outputs.flatMap(place),
      ...inputs.flatMap(place),
      ...shape,
      ...outputs.flatMap((o) => o.strides),
      ...inputs.flatMap((o) => o.strides),
      ...constants,
    ]);
  }

  reduce(
    spec: ProgramSpec,
    kind: number,
    kept: readonly number[],
    reduced: readonly number[],
    out: { address: number; dtype: DTypeName; index?: number },
    inputs: readonly { address: number; dtype: DTypeName; kept: number[]; reduced: number[] }[],
    {
      constants = [],
      compute = 'float32',
      scale = 1,
    }: { constants?: readonly number[]; compute?: keyof typeof COMPUTE; scale?: number } = {},
  ): number {
    return this.execute(2, [
      this.program(spec),
      inputs.length,
      constants.length,
      kept.length,
      reduced.length,
      COMPUTE[compute],
      kind,
      out.address,
      DTYPES[out.dtype],
      out.index ?? 0,
      scale,
      ...inputs.flatMap((o) => [o.address, DTYPES[o.dtype]]),
      ...kept,
      ...reduced,
      ...inputs.flatMap((o) => o.kept),
      ...inputs.flatMap((o) => o.reduced),
      ...constants,
    ]);
  }
}

/** Row-major strides of a shape. */
export function dense(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let s = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = s;
    s *= shape[d];
  }
  return strides;
}

/** Offsets of all positions of `shape` in row-major order under `strides`. */
export function offsets(shape: readonly number[], strides: readonly number[]): number[] {
  let list = [0];
  for (let d = 0; d < shape.length; d++) list = list.flatMap((o) => Array.from({ length: shape[d] }, (_, i) => o + i * strides[d]));
  return list;
}

/** A small deterministic generator of numbers in [0, 1). */
export function random(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2 ** 32;
  };
}
