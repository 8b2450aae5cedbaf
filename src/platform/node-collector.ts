// Finding dead blocks of memory inside of synchronous code, for devices that V8 does not count the memory of.
//
// A FinalizationRegistry tells of a dead object in a later macrotask only, so a long step, or a loop that never awaits, would hold on to all
// tensors that it has dropped. Weak references tell at once, with one catch: an object that was read through one, or that one was made for, lives
// until the job ends. Evaluating a script in a context that drains its own microtasks ends that hold without ending the job.

import { setFlagsFromString } from 'node:v8';
import { createContext, Script } from 'node:vm';
import type { CollectingWatcher } from './platform.ts';

let collector: { gc(): void; endHold(): void } | undefined;

/** V8 exposes its collector to contexts made after the flag is set. */
function collectorOf(): { gc(): void; endHold(): void } {
  if (collector !== undefined) return collector;
  setFlagsFromString('--expose-gc');
  const context = createContext({}, { microtaskMode: 'afterEvaluate' });
  const gc = new Script('gc').runInContext(context) as () => void;
  const nothing = new Script('0');
  return (collector = { gc, endHold: () => void nothing.runInContext(context) });
}

/** Runs V8's collector to its end. */
export const collectNow = (): void => collectorOf().gc();

/** Finds dead blocks when V8 tells of them, and at once when asked to collect. */
export function createCollectingWatcher(): CollectingWatcher {
  const markers = new Map<number, WeakRef<object>>();
  let dead: number[] = [];
  const found = (serial: number): void => {
    if (markers.delete(serial)) dead.push(serial);
  };
  const registry = new FinalizationRegistry(found);
  return {
    watch(_address, _bytes, serial) {
      const marker = {};
      markers.set(serial, new WeakRef(marker));
      registry.register(marker, serial);
      return marker;
    },
    takeDead() {
      if (dead.length === 0) return dead;
      const taken = dead;
      dead = [];
      return taken;
    },
    collect() {
      const { gc, endHold } = collectorOf();
      endHold();
      gc();
      for (const [serial, marker] of markers) if (marker.deref() === undefined) found(serial);
    },
  };
}
