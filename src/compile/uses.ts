// Who uses a buffer, and when: the accesses of all instructions by buffer.

import { type Buffer, type Instruction, overlap, type Ref, reads } from './graph.ts';

interface Use {
  readonly at: number;
  readonly ref: Ref;
}

/** Accesses by buffer, in the order of the instructions. */
export class Uses {
  readonly #byBuffer = new Map<Buffer, Use[]>();

  constructor(instructions: readonly Instruction[]) {
    instructions.forEach((i, at) => {
      for (const ref of i.refs) {
        const list = this.#byBuffer.get(ref.buffer);
        if (list === undefined) this.#byBuffer.set(ref.buffer, [{ at, ref }]);
        else list.push({ at, ref });
      }
    });
  }

  of(buffer: Buffer): readonly Use[] {
    return this.#byBuffer.get(buffer) ?? [];
  }

  /** Whether an instruction from `from` on reads the place; outside of the arena somebody always may. */
  readLater(place: Ref, from: number): boolean {
    if (place.buffer.kind !== 'temp') return true;
    const list = this.of(place.buffer);
    for (let k = list.length - 1; k >= 0 && list[k].at >= from; k--)
      if (reads(list[k].ref.access) && overlap(list[k].ref, place)) return true;
    return false;
  }

  /** Whether the buffer is not used from `from` on. */
  over(buffer: Buffer, from: number): boolean {
    const list = this.of(buffer);
    return buffer.kind === 'temp' && (list.length === 0 || list[list.length - 1].at < from);
  }
}
