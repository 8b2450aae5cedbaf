// The pool hands out blocks of device memory by size class and takes them back: at once when the framework alone held
// them, otherwise when the garbage collector finds the storage unreachable. Nobody calls dispose.
//
// A storage points at the region it lies in, and regions are what is watched: by the machine's own watcher where it has one, which finds dead
// regions in synchronous loops too, otherwise by a FinalizationRegistry. Small blocks (up to 4 KiB) are cut from
// regions of 64 KiB, so a small tensor costs no registration. A large block is a region of its own, which stays registered when it is released and
// waits for reuse, so only the first use of its memory, and the use after a collection, pay for one.

import { OutOfMemoryError } from './errors.ts';
import type { Machine, Watcher } from './machine.ts';

const ALIGN = 64;
const SMALL = 4096;
const REGION = 65536;
/** Before the heap grows, garbage is looked for: when this much was taken since the last time, and collecting takes at most 1 / 40 of the time. */
const COLLECT_FROM = 16 * 2 ** 20;
const COLLECT_SHARE = 40;
/**
 * The collector is told of a third of the bytes. With all of them it runs about once per 64 MB that a step drops, which took a fifth of the
 * translation Transformer's step; with a third, a process holds some 100 MB more and those collections are a third as many.
 */
const COUNTED = 3;
const KEEP_SMALL = 256; // freed small blocks kept per class; more would pin too many regions

/** A piece of memory: of 64 KiB, which small blocks are cut from, or one large block. Collected when no storage in it is reachable. */
interface Region {
  readonly address: number;
  watched: boolean;
  /** For the machine's watcher: its object for this region, and the number under which it is found dead. */
  marker?: object;
  serial?: number;
}

/** A block of device memory with the number of holders: tensor handles and saved references of the graph. */
export class Storage {
  address: number;
  readonly bytes: number;
  /** Counts in-place changes, so that backward can tell a stale saved tensor. */
  version = 0;
  refs = 0;
  /** Scratch of walks that must see each storage once. */
  mark = 0;
  readonly sizeClass: number;
  /** Held while the block is in use. */
  region: Region | null;
  readonly pool: Pool;

  constructor(pool: Pool, address: number, bytes: number, sizeClass: number, region: Region) {
    this.pool = pool;
    this.address = address;
    this.bytes = bytes;
    this.sizeClass = sizeClass;
    this.region = region;
  }

  retain(): void {
    this.refs++;
  }

  /** Drops one holder; the last one gives the block back at once. */
  release(): void {
    if (--this.refs === 0) this.pool.free(this);
  }
}

/** Size class of a large block: four steps for every doubling, so that at most a fifth is wasted. */
function largeClass(bytes: number): number {
  const log = 31 - Math.clz32((bytes - 1) >>> 6); // bytes <= 2^37
  const base = 2 ** (log + 6);
  const step = base / 4;
  return log * 4 + Math.ceil((bytes - base) / step);
}

function largeClassBytes(c: number): number {
  const base = 2 ** ((c >> 2) + 6);
  return base + (c & 3) * (base / 4);
}

export interface MemoryInfo {
  /** Bytes of storages that are alive (or not yet found dead by the collector). */
  live: number;
  /** Highest value of `live` so far. */
  peak: number;
  /** Bytes taken from the device but free for reuse. */
  pooled: number;
  /** Bytes the device has handed to the pool. */
  reserved: number;
}

export class Pool {
  readonly #machine: Machine;
  readonly #onGrow: () => void;
  #top: number;
  #limit: number;
  #live = 0;
  #peak = 0;
  #region: Region | null = null;
  #regionUsed = REGION;
  readonly #freeRegions: number[] = [];
  readonly #smallAddress: number[][] = Array.from({ length: SMALL / ALIGN + 1 }, () => []);
  readonly #smallRegion: Region[][] = Array.from({ length: SMALL / ALIGN + 1 }, () => []);
  /** Free large blocks by size class; their regions stay registered. */
  readonly #large = new Map<number, Region[]>();
  #ranges: { address: number; bytes: number }[] = [];
  readonly #watcher: Watcher | undefined;
  readonly #poison: Machine['poison'];
  /** What the watcher watches, by serial number. */
  readonly #watched = new Map<number, { address: number; sizeClass: number }>();
  #serial = 0;
  /** The last collection that the pool asked for: when it ended, how long it took, and what was alive behind it. */
  #collected = { at: 0, ms: 0, live: 0 };
  readonly #regions = new FinalizationRegistry<{ address: number; sizeClass: number }>(({ address, sizeClass }) =>
    this.#dead(address, sizeClass),
  );
  /** Above this many live bytes the next macrotask yield asks the collector to look for garbage. */
  pressureAt: number;

  constructor(machine: Machine, onGrow: () => void, limit = machine.maxBytes) {
    this.#machine = machine;
    this.#watcher = machine.watcher;
    this.#poison = machine.poison;
    this.#onGrow = onGrow;
    this.#top = Math.ceil(machine.heapBase / REGION) * REGION;
    this.#limit = Math.min(limit, machine.maxBytes);
    this.pressureAt = Math.min(256 * 2 ** 20, this.#limit / 4);
    this.#poison?.(this.#top, this.#limit - this.#top, true);
  }

  get live(): number {
    return this.#live;
  }

  info(): MemoryInfo {
    const reserved = this.#top - this.#machine.heapBase;
    return { live: this.#live, peak: this.#peak, pooled: reserved - this.#live, reserved };
  }

  resetPeak(): void {
    this.#peak = this.#live;
  }

  /** A block of at least `bytes`, 64-byte aligned, with one reference not yet counted. Its content is undefined. */
  allocate(bytes: number): Storage {
    const storage = bytes <= SMALL ? this.#small(bytes) : this.#block(bytes);
    if (this.#poison !== undefined) this.#poison(storage.address, bytes, false);
    return storage;
  }

  #small(bytes: number): Storage {
    const c = bytes <= ALIGN ? 1 : (bytes + ALIGN - 1) >>> 6;
    const free = this.#smallAddress[c];
    if (free.length > 0) return new Storage(this, free.pop() as number, c * ALIGN, c, this.#smallRegion[c].pop() as Region);
    const size = c * ALIGN;
    if (this.#regionUsed + size > REGION) this.#newRegion();
    const region = this.#region as Region;
    const storage = new Storage(this, region.address + this.#regionUsed, size, c, region);
    this.#regionUsed += size;
    return storage;
  }

  #block(bytes: number): Storage {
    this.#reclaim();
    const c = largeClass(bytes);
    const size = largeClassBytes(c);
    let region = this.#large.get(c)?.pop();
    if (region === undefined && this.#worthCollecting()) {
      this.collect();
      region = this.#large.get(c)?.pop();
    }
    region ??= { address: this.#carve(size, bytes), watched: false };
    if (!region.watched) this.#watch(region, c, size);
    this.#count(size);
    return new Storage(this, region.address, size, c, region);
  }

  free(storage: Storage): void {
    const { address, sizeClass: c, region } = storage;
    if (region === null) return;
    storage.address = -1;
    storage.region = null;
    if (this.#poison !== undefined) this.#poison(address, storage.bytes, true);
    if (storage.bytes <= SMALL) {
      const free = this.#smallAddress[c];
      if (free.length < KEEP_SMALL) {
        free.push(address);
        this.#smallRegion[c].push(region);
      }
      return;
    }
    this.#giveLarge(region, c);
  }

  /** Whether garbage is likely, and looking for it cheap beside what ran since the last time: then the heap need not grow yet. */
  #worthCollecting(): boolean {
    const { at, ms, live } = this.#collected;
    if (this.#watcher?.collect === undefined || this.#live - live < Math.max(COLLECT_FROM, live / 8)) return false;
    return performance.now() - at >= COLLECT_SHARE * ms;
  }

  /** Looks for garbage now; false where only the collector itself decides when (then `platform.collectGarbage` helps). */
  collect(): boolean {
    if (this.#watcher?.collect === undefined) return false;
    const begin = performance.now();
    this.#watcher.collect();
    this.#reclaim();
    const at = performance.now();
    this.#collected = { at, ms: at - begin, live: this.#live };
    return true;
  }

  /** Takes back what the machine's watcher found dead. */
  #reclaim(): void {
    if (this.#watcher === undefined) return;
    for (const serial of this.#watcher.takeDead()) {
      const found = this.#watched.get(serial);
      if (found === undefined) continue; // merged into a range since
      this.#watched.delete(serial);
      this.#dead(found.address, found.sizeClass);
    }
  }

  #dead(address: number, sizeClass: number): void {
    // Watched again when it is used again: a waiting block must not count as memory that a collection may free.
    if (sizeClass >= 0) {
      this.#giveLarge({ address, watched: false }, sizeClass);
      return;
    }
    this.#freeRegions.push(address);
    this.#live -= REGION;
  }

  #count(bytes: number): void {
    this.#live += bytes;
    if (this.#live > this.#peak) this.#peak = this.#live;
  }

  #giveLarge(region: Region, c: number): void {
    this.#live -= largeClassBytes(c);
    const list = this.#large.get(c);
    if (list === undefined) this.#large.set(c, [region]);
    else list.push(region);
  }

  /** Has a region watched; size class -1 for one that small blocks are cut from. */
  #watch(region: Region, sizeClass: number, bytes: number): void {
    const { address } = region;
    region.watched = true;
    if (this.#watcher === undefined) {
      this.#regions.register(region, { address, sizeClass }, region);
    } else {
      region.serial = ++this.#serial;
      region.marker = this.#watcher.watch(address, bytes / COUNTED, region.serial);
      this.#watched.set(region.serial, { address, sizeClass });
    }
  }

  #unwatch(region: Region): void {
    if (this.#watcher === undefined) this.#regions.unregister(region);
    else if (region.serial !== undefined) this.#watched.delete(region.serial);
  }

  #newRegion(): void {
    this.#reclaim();
    const address = this.#freeRegions.pop() ?? this.#carve(REGION, REGION);
    this.#region = { address, watched: true };
    this.#watch(this.#region, -1, REGION);
    this.#regionUsed = 0;
    this.#count(REGION);
  }

  /** Memory for a new block: from the free ranges, then from the end of the heap, then after merging all free blocks. */
  #carve(size: number, wanted: number): number {
    const found = this.#fromRanges(size);
    if (found >= 0) return found;
    const address = this.#extend(size);
    if (address >= 0) return address;
    this.#mergeFreeBlocks();
    const merged = this.#fromRanges(size);
    if (merged >= 0) return merged;
    const afterMerge = this.#extend(size);
    if (afterMerge >= 0) return afterMerge;
    const mib = (n: number): string => `${(n / 2 ** 20).toFixed(1)} MiB`;
    throw new OutOfMemoryError(
      `out of memory: ${mib(wanted)} wanted, ${mib(this.#live)} alive, limit ${mib(this.#limit)}; use a smaller batch, put noGrad() around evaluation, ` +
        'or wrap the body of a long synchronous loop in scope(() => …) so that its tensors are released at the end of each turn',
    );
  }

  #fromRanges(size: number): number {
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i++) {
      const r = ranges[i];
      if (r.bytes < size) continue;
      const address = r.address;
      if (r.bytes === size) ranges.splice(i, 1);
      else {
        r.address += size;
        r.bytes -= size;
      }
      return address;
    }
    return -1;
  }

  #extend(size: number): number {
    const end = this.#top + size;
    if (end > this.#limit) return -1;
    if (end > this.#machine.buffer().byteLength) {
      // Grow in steps of an eighth so that growing stays rare, but settle for what is needed near the limit.
      const generous = Math.min(this.#limit, end + Math.max(16 * 2 ** 20, end / 8));
      if (!this.#machine.grow(generous) && !this.#machine.grow(end)) return -1;
      this.#onGrow();
    }
    const address = this.#top;
    this.#top = end;
    return address;
  }

  #mergeFreeBlocks(): void {
    const all = this.#ranges;
    for (const [c, list] of this.#large) {
      const bytes = largeClassBytes(c);
      for (const region of list) {
        this.#unwatch(region);
        all.push({ address: region.address, bytes });
      }
      list.length = 0;
    }
    for (const address of this.#freeRegions) all.push({ address, bytes: REGION });
    this.#freeRegions.length = 0;
    for (let c = 0; c < this.#smallAddress.length; c++) this.#smallAddress[c].length = this.#smallRegion[c].length = 0;
    all.sort((a, b) => a.address - b.address);
    const merged: { address: number; bytes: number }[] = [];
    for (const r of all) {
      const last = merged.at(-1);
      if (last !== undefined && last.address + last.bytes === r.address) last.bytes += r.bytes;
      else merged.push(r);
    }
    const end = merged.at(-1);
    if (end !== undefined && end.address + end.bytes === this.#top) {
      this.#top = end.address;
      merged.pop();
    }
    this.#ranges = merged;
  }
}
