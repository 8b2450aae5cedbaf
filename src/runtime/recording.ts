// What a recorder of instructions wants to know. While one listens, the runtime and the layers above tell it what happens; without one, each of
// these places costs a comparison with null.

import type { Storage } from './pool.ts';
import type { Generator } from './random.ts';

/** New words of an instruction when it is run again: `values()` advances the host's state and gives the numbers that go into `words`. */
export interface Rewriting {
  readonly values: () => readonly number[];
  /** Word of the instruction (negative: counted from its end) and index into the values; words that are addresses stay as they are. */
  readonly places: readonly (readonly [word: number, value: number])[];
}

/** What a tensor is to a recorder that watches gradients. */
export interface WithGradient {
  readonly gradInternal: object | null;
}

/** Listens to everything that a function does to device memory. */
export interface Recording {
  /** A new storage, made by an operation. */
  allocated(storage: Storage): void;
  /** Somebody is about to write the address of byte `offset` of a storage into an instruction. */
  addressed(storage: Storage, offset: number): void;
  /** `count` instructions, the first at word 0, are about to run. */
  executing(what: string, count: number, words: Float64Array): void;
  /** The next instructions have words that change from run to run; one entry per instruction. */
  rewriting(list: readonly Rewriting[]): void;
  /** The host writes into a storage before the next event. */
  hostWrite(storage: Storage): void;
  /** The host wants to read a storage; throws when its values differ from run to run. */
  hostRead(storage: Storage, what: string): void;
  /** A generator has given numbers away. */
  took(generator: Generator, at: number, blocks: number): void;
  /** `.grad` of a leaf is about to be read, or replaced without being read. */
  gradient(leaf: WithGradient, reads: boolean): void;
  /** A tensor is about to be changed in place in a way that derivatives must know. */
  changesGraph(storage: Storage): void;
  /** The recording holds only while `check` is true; the first guard of a key counts. */
  guard(key: object, check: () => boolean): void;
  /** Something happened that does not happen again: the recording must not be used. */
  once(reason: string): void;
  /** Something happened that cannot be recorded: throws. */
  refuse(reason: string): never;
}

export let recording: Recording | null = null;

/** Sets who listens (null: nobody) and gives who did before. */
export function setRecording(next: Recording | null): Recording | null {
  const old = recording;
  recording = next;
  return old;
}

/**
 * Runs a check that looks at values of tensors, and gives what it found. Nothing that it does is recorded: a recorded function checks its values
 * once, when it is recorded.
 */
export function checkingValues<T>(check: () => T): T {
  const listener = setRecording(null);
  try {
    return check();
  } finally {
    setRecording(listener);
  }
}
