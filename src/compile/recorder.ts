// Records what a function does: its instructions, the memory that they use, the random numbers and the changes of the host's state.

import { FathomError } from '../runtime/errors.ts';
import type { Storage } from '../runtime/pool.ts';
import type { Generator } from '../runtime/random.ts';
import type { Recording, Rewriting } from '../runtime/recording.ts';
import { machine, storedWords } from '../runtime/runtime.ts';
import { dtypeSize } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Buffer, type Instruction, type ProgramRef, type RandomWords, type Ref, reads, type TensorSpec, writes } from './graph.ts';
import { visitOperands } from './operands-more.ts';

/** A function cannot be compiled: it does something that a recording cannot hold. The message says what, and what to do. */
export class CompileError extends FathomError {
  override name = 'CompileError';
}

/** What happened to the gradient of a leaf. */
export interface GradientUse {
  readonly leaf: Tensor;
  /** The function looked at the gradient that it found. */
  readonly reads: boolean;
  readonly before: Tensor | null;
  /** Where the gradient that it found lies. */
  readonly entry: TensorSpec | null;
}

interface Place {
  readonly buffer: Buffer;
  readonly offset: number;
}

interface Draw {
  readonly generator: Generator;
  readonly at: number;
  used: boolean;
}

/** The state of a generator before the recording. */
interface Start {
  readonly seed: number;
  readonly offset: number;
}

const dim = (n: number): number => Math.floor(n / 2 ** 32);

/** A listener that keeps everything. Buffers are made as storages are met. */
export class Recorder implements Recording {
  readonly buffers: Buffer[] = [];
  readonly instructions: Instruction[] = [];
  readonly gradients = new Map<Tensor, GradientUse>();
  readonly guards = new Map<object, () => boolean>();
  readonly generators = new Map<Generator, Start>();
  /** Why the recording must not be used again. */
  spent: string | null = null;
  readonly #byStorage = new Map<Storage, Buffer>();
  readonly #places = new Map<number, Place>();
  readonly #draws: Draw[] = [];
  /** Buffers whose values may differ from run to run. */
  readonly #varying = new Set<Buffer>();
  /** Buffers that the host wrote into since the last event, and what they were filled with before. */
  readonly #pending = new Set<Buffer>();
  /** Bytes that the host put into a buffer, at a position among the instructions. */
  readonly uploads: { readonly buffer: Buffer; readonly at: number; readonly bytes: Uint8Array }[] = [];
  #rewriting: readonly Rewriting[] = [];

  /** The buffer of a storage; `kind` is what it is when it has not been met before. */
  bufferOf(storage: Storage, kind: Buffer['kind'] = 'fixed'): Buffer {
    let b = this.#byStorage.get(storage);
    if (b === undefined) {
      b = { id: this.buffers.length, kind, bytes: storage.bytes, storage, name: '' };
      this.buffers.push(b);
      this.#byStorage.set(storage, b);
    }
    return b;
  }

  allocated(storage: Storage): void {
    this.#places.set(storage.address, { buffer: this.bufferOf(storage, 'temp'), offset: 0 });
  }

  addressed(storage: Storage, offset: number): void {
    const buffer = this.bufferOf(storage);
    // an empty view may begin at the end, where another storage begins
    if (offset < storage.bytes || storage.bytes === 0) this.#places.set(storage.address + offset, { buffer, offset });
  }

  /** Where an address lies. */
  #place(address: number): Place {
    const p = this.#places.get(address);
    if (p !== undefined && p.buffer.storage?.address === address - p.offset) return p;
    for (let i = this.buffers.length - 1; i >= 0; i--) {
      const buffer = this.buffers[i];
      const base = (buffer.storage as Storage).address;
      if (base >= 0 && address >= base && address < base + buffer.bytes) return { buffer, offset: address - base };
    }
    throw new CompileError(`compile: an instruction uses the address ${address}, which belongs to no tensor; please report this`);
  }

  /** Takes what the host wrote since the last event. */
  settle(): void {
    for (const buffer of this.#pending) {
      const s = buffer.storage as Storage;
      if (s.address < 0) continue; // released before anybody used it
      this.uploads.push({ buffer, at: this.instructions.length, bytes: new Uint8Array(machine.buffer(), s.address, buffer.bytes).slice() });
    }
    this.#pending.clear();
  }

  executing(what: string, count: number, I: Float64Array): void {
    this.settle();
    let at = 0;
    for (let k = 0; k < count; k++) {
      const length = I[at + 1];
      const words = Array.from(I.subarray(at, at + length));
      const made = this.#instruction(what, words, this.#rewriting[k] ?? null);
      if (made.refs.length > 0) this.instructions.push(made); // else everything is empty
      at += length;
    }
    this.#rewriting = [];
  }

  #instruction(name: string, words: number[], rewriting: Rewriting | null): Instruction {
    const refs: Ref[] = [];
    let program: ProgramRef | null = null;
    visitOperands(words, {
      operand: (word, access, lo, hi) => {
        if (words[word] === 0) return;
        const { buffer, offset } = this.#place(words[word]);
        refs.push({ word, access, buffer, offset, lo, hi });
      },
      program: (word) => {
        const stored = storedWords(words[word]);
        if (stored === undefined) throw new CompileError(`compile: ${name} runs a program that is not stored; please report this`);
        program = { word, words: stored, address: words[word] };
      },
    });
    const random = this.#randomOf(words);
    const changing =
      rewriting === null
        ? null
        : {
            values: rewriting.values,
            places: rewriting.places
              .map(([word, value]) => [word < 0 ? words.length + word : word, value] as const)
              .filter(([word]) => !refs.some((r) => r.word === word)),
          };
    const varies = random !== null || rewriting !== null || refs.some((r) => reads(r.access) && this.#varies(r.buffer));
    for (const r of refs) {
      words[r.word] = 0;
      if (varies && writes(r.access)) this.#varying.add(r.buffer);
    }
    return { name, words, refs, program, random, rewriting: changing, parts: [] };
  }

  #varies(b: Buffer): boolean {
    return b.kind !== 'temp' || this.#varying.has(b);
  }

  #randomOf(w: readonly number[]): RandomWords | null {
    const word = w[0] === 16 ? 3 : (w[0] === 42 || w[0] === 43) && w[12] > 0 ? 13 : 0;
    if (word === 0) return null;
    const at = w[word + 2] + w[word + 3] * 2 ** 32;
    for (let i = this.#draws.length - 1; i >= 0; i--) {
      const d = this.#draws[i];
      if (d.at !== at || d.generator.seed >>> 0 !== w[word] || dim(d.generator.seed) !== w[word + 1]) continue;
      d.used = true;
      return { word, generator: d.generator, ahead: at - (this.generators.get(d.generator) as Start).offset };
    }
    throw new CompileError('compile: random numbers come from no known generator; please report this');
  }

  rewriting(list: readonly Rewriting[]): void {
    this.#rewriting = list;
  }

  hostWrite(storage: Storage): void {
    const buffer = this.bufferOf(storage);
    if (buffer.kind === 'fixed' || buffer.kind === 'input')
      throw new CompileError(
        'compile: the function writes host data into a tensor that exists outside of it; do that outside, or give the data as an argument',
      );
    this.#pending.add(buffer);
  }

  hostRead(storage: Storage, what: string): void {
    this.settle();
    const buffer = this.bufferOf(storage);
    if (!this.#varies(buffer)) return; // made from host data: the same each time
    throw new CompileError(
      `compile: ${what} needs the values of a tensor while the function is recorded, but the recording must hold for other values too; return the tensor and read it outside, or leave this part out of the compiled function`,
    );
  }

  took(generator: Generator, at: number): void {
    if (!this.generators.has(generator)) this.generators.set(generator, { seed: generator.seed, offset: at });
    this.#draws.push({ generator, at, used: false });
  }

  gradient(leaf: Tensor, reads: boolean): void {
    if (this.gradients.has(leaf)) return;
    this.gradients.set(leaf, { leaf, reads, before: null, entry: null }); // first: looking below comes back here
    const before = leaf.gradInternal;
    let entry: TensorSpec | null = null;
    if (reads && before !== null) {
      this.bufferOf(before.storage, 'input');
      entry = this.specOf(before);
    }
    this.gradients.set(leaf, { leaf, reads, before, entry });
  }

  changesGraph(storage: Storage): void {
    if (this.bufferOf(storage).kind !== 'temp')
      throw new CompileError(
        'compile: the function changes a tensor from outside in place while gradients are recorded; clone it first, or change it inside noGrad()',
      );
  }

  /** Where a tensor lies. */
  specOf(t: Tensor): TensorSpec {
    return { buffer: this.bufferOf(t.storage), shape: t.shape, strides: t.strides, offset: t.offset * dtypeSize[t.dtype], dtype: t.dtype };
  }

  guard(key: object, check: () => boolean): void {
    if (!this.guards.has(key)) this.guards.set(key, check);
  }

  once(reason: string): void {
    this.spent ??= reason;
  }

  refuse(reason: string): never {
    throw new CompileError(`compile: ${reason}; do that outside of the compiled function`);
  }

  /** The position now, to come back to. */
  mark(): { instructions: number; uploads: number } {
    this.settle();
    return { instructions: this.instructions.length, uploads: this.uploads.length };
  }

  /** Forgets what was recorded since. */
  rewind(to: { instructions: number; uploads: number }): void {
    this.#pending.clear();
    this.instructions.length = to.instructions;
    this.uploads.length = to.uploads;
  }

  /** At the end: nothing may have been drawn on the host alone. */
  finish(): void {
    this.settle();
    if (this.#draws.some((d) => !d.used))
      throw new CompileError(
        'compile: the function draws random numbers on the host (as randperm and multinomial do), which would be the same in every run; draw them outside and give them as an argument',
      );
    for (const [g, start] of this.generators)
      if (g.seed !== start.seed) throw new CompileError('compile: the function sets the seed of a generator; do that outside of it');
  }
}
