// What a recording is made of: buffers, and instructions whose addresses are places in buffers.

import type { Storage } from '../runtime/pool.ts';
import type { Generator } from '../runtime/random.ts';
import type { Rewriting } from '../runtime/recording.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Access } from './operands.ts';

/**
 * input: given by the caller, another one each time. fixed: exists outside of the function (parameters, state). constant: made from host
 * data by the function. kept: made by the function and alive after it (gradients). output: made anew by each call. temp: in the arena.
 */
export type BufferKind = 'input' | 'fixed' | 'constant' | 'kept' | 'output' | 'temp';

/** A piece of memory that instructions use. */
export interface Buffer {
  readonly id: number;
  kind: BufferKind;
  readonly bytes: number;
  /** The memory itself, of fixed and constant buffers; of others the one of the recording. */
  storage: Storage | null;
  /** How it is called in dumps. */
  name: string;
}

/** An address in an instruction: byte `offset` of a buffer, where bytes [offset + lo, offset + hi) are accessed. */
export interface Ref {
  readonly word: number;
  readonly access: Access;
  buffer: Buffer;
  offset: number;
  readonly lo: number;
  readonly hi: number;
}

/** A scalar program that an instruction runs. */
export interface ProgramRef {
  readonly word: number;
  readonly words: ArrayLike<number>;
  /** Where it is stored for good; 0: it must be stored with the plan. */
  readonly address: number;
}

/** Words of an instruction that hold seed and offset of random numbers. */
export interface RandomWords {
  readonly word: number;
  readonly generator: Generator;
  /** Blocks between the generator's position when the function begins and the first number. */
  readonly ahead: number;
}

/** One instruction. Words that are addresses hold 0. */
export interface Instruction {
  readonly name: string;
  words: number[];
  refs: Ref[];
  program: ProgramRef | null;
  random: RandomWords | null;
  rewriting: Rewriting | null;
  /** Names of what was fused into it. */
  readonly parts: readonly string[];
}

/** Geometry of a tensor in a buffer; the offset counts bytes. */
export interface TensorSpec {
  readonly buffer: Buffer;
  readonly shape: Shape;
  readonly strides: Shape;
  readonly offset: number;
  readonly dtype: DType;
}

export const reads = (a: Access): boolean => a === 'read' || a === 'update';
export const writes = (a: Access): boolean => a !== 'read';

/** Whether the bytes of two places overlap. */
export const overlap = (a: Ref, b: Ref): boolean =>
  a.buffer === b.buffer && a.offset + a.lo < b.offset + b.hi && b.offset + b.lo < a.offset + a.hi;
