// A list of instructions in device memory, ready to run: addresses that change from run to run are patched in place.

import type { Storage } from '../runtime/pool.ts';
import type { Generator } from '../runtime/random.ts';
import type { Rewriting } from '../runtime/recording.ts';
import { machine, pool, runAt } from '../runtime/runtime.ts';
import type { Buffer, Instruction } from './graph.ts';
import type { ArenaName, MemoryPlan } from './memory.ts';

/** Words that hold addresses in one piece of memory. */
class Slot {
  readonly #at: number[] = [];
  readonly #offsets: number[] = [];
  bound = Number.NaN;

  add(at: number, offset: number): void {
    this.#at.push(at);
    this.#offsets.push(offset);
  }

  bind(words: Float64Array, base: number): void {
    if (base === this.bound) return;
    this.bound = base;
    for (let k = 0; k < this.#at.length; k++) words[this.#at[k]] = base + this.#offsets[k];
  }
}

/** Where a generator stood when a run began. */
export type Positions = ReadonlyMap<Generator, number>;

/** Programs of a part, each stored once. */
class Programs {
  readonly #at = new Map<string, number>();
  readonly words: number[] = [];

  /** The place of a program, counted in words. */
  place(words: ArrayLike<number>): number {
    const list = Array.from(words);
    const key = list.join();
    let at = this.#at.get(key);
    if (at === undefined) {
      at = this.words.length;
      this.words.push(...list);
      this.#at.set(key, at);
    }
    return at;
  }
}

/** Words in memory of the device, for as long as the plan lives. */
function stored(words: readonly number[]): Storage {
  const storage = pool.allocate(Math.max(words.length, 1) * 8);
  storage.retain();
  new Float64Array(machine.buffer(), storage.address, words.length).set(words);
  return storage;
}

/** One part of a plan as words on the device. */
export class Code {
  readonly #count: number;
  readonly #names: string[];
  readonly #storage: Storage;
  readonly #programs: Storage;
  #words: Float64Array;
  #memory: ArrayBufferLike;
  readonly #slots = new Map<Buffer, Slot>();
  readonly #arenas = new Map<ArenaName, Slot>();
  readonly #random: { at: number; generator: Generator; ahead: number }[] = [];
  readonly #rewriting: { at: number; rewriting: Rewriting }[] = [];

  constructor(list: readonly Instruction[], memory: MemoryPlan) {
    const programs = new Programs();
    const words: number[] = [];
    const wanted: { at: number; place: number }[] = [];
    for (const i of list) {
      const base = words.length;
      words.push(...i.words);
      if (i.program !== null) {
        if (i.program.address !== 0) words[base + i.program.word] = i.program.address;
        else wanted.push({ at: base + i.program.word, place: programs.place(i.program.words) });
      }
      for (const r of i.refs) {
        const place = memory.places.get(r.buffer);
        if (place !== undefined) this.#arena(place.arena).add(base + r.word, place.offset + r.offset);
        else if (r.buffer.kind === 'fixed' || r.buffer.kind === 'constant')
          words[base + r.word] = (r.buffer.storage as Storage).address + r.offset;
        else this.#slot(r.buffer).add(base + r.word, r.offset);
      }
      if (i.random !== null) this.#random.push({ at: base + i.random.word, generator: i.random.generator, ahead: i.random.ahead });
      if (i.rewriting !== null) this.#rewriting.push({ at: base, rewriting: i.rewriting });
    }
    this.#programs = stored(programs.words);
    for (const { at, place } of wanted) words[at] = this.#programs.address + place * 8;
    this.#count = list.length;
    this.#names = list.map((i) => i.name);
    this.#storage = stored(words);
    this.#memory = machine.buffer();
    this.#words = new Float64Array(this.#memory, this.#storage.address, words.length);
  }

  #slot(buffer: Buffer): Slot {
    let s = this.#slots.get(buffer);
    if (s === undefined) this.#slots.set(buffer, (s = new Slot()));
    return s;
  }

  #arena(name: ArenaName): Slot {
    let s = this.#arenas.get(name);
    if (s === undefined) this.#arenas.set(name, (s = new Slot()));
    return s;
  }

  /** The words, after the memory may have moved. */
  #view(): Float64Array {
    const now = machine.buffer();
    if (now !== this.#memory) {
      this.#words = new Float64Array(now, this.#storage.address, this.#words.length);
      this.#memory = now;
    }
    return this.#words;
  }

  /** Tells where a buffer lies in the next run. */
  bind(buffer: Buffer, address: number): void {
    this.#slots.get(buffer)?.bind(this.#view(), address);
  }

  bindArena(name: ArenaName, address: number): void {
    this.#arenas.get(name)?.bind(this.#view(), address);
  }

  /** Runs everything; random numbers count from the given positions. */
  run(positions: Positions): void {
    if (this.#count === 0) return;
    const words = this.#view();
    for (const { at, rewriting } of this.#rewriting) {
      const values = rewriting.values();
      for (const [word, k] of rewriting.places) words[at + word] = values[k];
    }
    for (const { at, generator, ahead } of this.#random) {
      const position = (positions.get(generator) as number) + ahead;
      words[at] = generator.seed >>> 0;
      words[at + 1] = Math.floor(generator.seed / 2 ** 32);
      words[at + 2] = position % 2 ** 32;
      words[at + 3] = Math.floor(position / 2 ** 32);
    }
    runAt(this.#storage.address, this.#count, this.#names);
  }

  release(): void {
    this.#programs.release();
    this.#storage.release();
  }
}
