// Where temporaries lie: each gets a place in an arena, and places are shared by those that are never alive together.

import { type Buffer, type Instruction, reads, writes } from './graph.ts';

const ALIGN = 64;
const roundUp = (bytes: number): number => Math.ceil(Math.max(bytes, 1) / ALIGN) * ALIGN;

/** Arenas: what is alive from the first part to the second, and what is needed in one part only. */
export const arenas = ['saved', 'first', 'second'] as const;
export type ArenaName = (typeof arenas)[number];

export interface Placement {
  readonly arena: ArenaName;
  readonly offset: number;
}

export interface MemoryPlan {
  readonly places: ReadonlyMap<Buffer, Placement>;
  /** Bytes of each arena. */
  readonly sizes: Readonly<Record<ArenaName, number>>;
  /** Bytes of all temporaries, each in a place of its own. */
  readonly unshared: number;
}

/** Drops instructions whose results nobody needs. */
export function dropDead(list: readonly Instruction[], barrier: number): { instructions: Instruction[]; barrier: number } {
  const needed = new Set<Buffer>();
  const keep: boolean[] = new Array(list.length).fill(true);
  for (let k = list.length - 1; k >= 0; k--) {
    const { refs } = list[k];
    keep[k] = refs.some((r) => writes(r.access) && r.access !== 'scratch' && (r.buffer.kind !== 'temp' || needed.has(r.buffer)));
    if (keep[k]) for (const r of refs) if (reads(r.access)) needed.add(r.buffer);
  }
  return { instructions: list.filter((_, k) => keep[k]), barrier: keep.slice(0, barrier).filter(Boolean).length };
}

interface Life {
  readonly buffer: Buffer;
  first: number;
  last: number;
}

/** Largest first, each at the best fitting gap among those that are alive at the same time. */
function pack(lives: readonly Life[], places: Map<Buffer, Placement>, arena: ArenaName): number {
  const sorted = [...lives].sort((a, b) => b.buffer.bytes - a.buffer.bytes || a.first - b.first);
  const placed: { life: Life; from: number; to: number }[] = [];
  let size = 0;
  for (const life of sorted) {
    const bytes = roundUp(life.buffer.bytes);
    let [best, bestGap, end] = [-1, Number.POSITIVE_INFINITY, 0];
    for (const p of placed) {
      if (p.life.last < life.first || life.last < p.life.first) continue;
      const gap = p.from - end;
      if (gap >= bytes && gap < bestGap) [best, bestGap] = [end, gap];
      end = Math.max(end, p.to);
    }
    const from = best >= 0 ? best : end;
    const at = placed.findIndex((p) => p.from > from);
    placed.splice(at < 0 ? placed.length : at, 0, { life, from, to: from + bytes });
    places.set(life.buffer, { arena, offset: from });
    size = Math.max(size, from + bytes);
  }
  return size;
}

/** Plans the places of all temporaries of a list of two parts, the second beginning at `barrier`. */
export function planMemory(list: readonly Instruction[], barrier: number): MemoryPlan {
  const lives = new Map<Buffer, Life>();
  list.forEach((i, at) => {
    for (const { buffer } of i.refs) {
      if (buffer.kind !== 'temp') continue;
      const life = lives.get(buffer);
      if (life === undefined) lives.set(buffer, { buffer, first: at, last: at });
      else life.last = at;
    }
  });
  const of: Record<ArenaName, Life[]> = { saved: [], first: [], second: [] };
  for (const life of lives.values()) of[life.first >= barrier ? 'second' : life.last < barrier ? 'first' : 'saved'].push(life);
  const places = new Map<Buffer, Placement>();
  const sizes = {
    saved: pack(of.saved, places, 'saved'),
    first: pack(of.first, places, 'first'),
    second: pack(of.second, places, 'second'),
  };
  let unshared = 0;
  for (const { buffer } of lives.values()) unshared += roundUp(buffer.bytes);
  return { places, sizes, unshared };
}
