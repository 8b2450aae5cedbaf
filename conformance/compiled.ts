// Runs the computation of a case through `compile`: recorded on copies of its tensors, then replayed on the tensors themselves, whose memory the
// recording has never seen. What cannot be compiled runs as it is and is counted with the reason.

import { alias, empty } from '../src/ops/raw.ts';
import { machine } from '../src/runtime/runtime.ts';
import { ft, type Tensor } from './library.ts';
import { IndexValue } from './values.ts';

/** Replaces the tensors in a value of a case. */
function mapTensors(v: unknown, fn: (t: Tensor) => Tensor): unknown {
  if (v instanceof ft.Tensor) return fn(v);
  if (Array.isArray(v)) return v.map((x) => mapTensors(x, fn));
  if (v instanceof IndexValue) return new IndexValue(mapTensors(v.items, fn) as unknown[]);
  if (typeof v === 'object' && v !== null && Object.getPrototypeOf(v) === Object.prototype)
    return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, mapTensors(x, fn)]));
  return v;
}

/** Copies of tensors in other memory, with the same geometry; those that share memory share it again. */
function copies(tensors: readonly Tensor[]): Tensor[] {
  const made = new Map<unknown, Tensor>();
  return tensors.map((t) => {
    let memory = made.get(t.storage);
    if (memory === undefined) {
      memory = empty([t.storage.bytes], 'uint8');
      new Uint8Array(machine.buffer(), memory.address, t.storage.bytes).set(
        new Uint8Array(machine.buffer(), t.storage.address, t.storage.bytes),
      );
      made.set(t.storage, memory);
    }
    const c = alias(new ft.Tensor(memory.storage, t.shape, t.strides, t.offset, t.dtype), t.shape, t.strides, t.offset);
    if (t.requiresGrad) c.requiresGrad = true;
    return c;
  });
}

/** How the computations of the cases run. */
export interface Execution {
  /** `fn` of a value that holds tensors. `again` puts the state that `fn` changes back to where it began. */
  run<V, T>(value: V, fn: (value: V) => T, again?: () => void): T;
  /** A step that is taken several times. */
  stepper(step: () => void): () => void;
}

export const eager: Execution = { run: (value, fn) => fn(value), stepper: (step) => step };

const seed = (): void => void ft.manualSeed(0);

/** Runs everything compiled. */
export class CompiledExecution implements Execution {
  replayed = 0;
  /** Why computations ran as they are, with counts. */
  readonly reasons = new Map<string, number>();

  run<V, T>(value: V, fn: (value: V) => T, again: () => void = () => undefined): T {
    const tensors: Tensor[] = [];
    mapTensors(value, (t) => {
      if (!tensors.includes(t)) tensors.push(t);
      return t;
    });
    const compiled = ft.compile((list: Tensor[]) => fn(mapTensors(value, (t) => list[tensors.indexOf(t)]) as V));
    try {
      seed();
      compiled(copies(tensors));
    } catch (e) {
      if (!(e instanceof ft.CompileError)) throw e;
      this.#note(e.message.replace(/^compile: /, '').split(/[;,]/)[0]);
      again();
      seed();
      return fn(value);
    }
    again();
    seed();
    const result = compiled(tensors);
    if (compiled.counts.replayed === 1) this.replayed++;
    else this.#note('the recording holds once only');
    compiled.reset();
    return result;
  }

  stepper(step: () => void): () => void {
    const compiled = ft.compile(step);
    return () => {
      const before = compiled.counts.replayed;
      compiled();
      if (compiled.counts.replayed > before) this.replayed++;
      else this.#note('first steps, which make the state');
    };
  }

  #note(reason: string): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  text(): string {
    const list = [...this.reasons].sort((a, b) => b[1] - a[1]).map(([reason, n]) => `  ${String(n).padStart(5)}  ${reason}`);
    return [
      `compiled: ${this.replayed} computations replayed, ${[...this.reasons.values()].reduce((a, b) => a + b, 0)} run as they are:`,
      ...list,
    ].join('\n');
  }
}
