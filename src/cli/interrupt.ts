// Ctrl-C: the first one asks the run to stop after its current step, a second one ends the program at once.
import { exitCodes } from './errors.ts';

export interface Interrupts {
  signal: AbortSignal;
  /** Stops listening; Ctrl-C is the system's again. */
  release(): void;
}

const samePress = 400; // milliseconds

/** Listens for SIGINT (and SIGTERM, which asks the same). `onFirst` tells the user what happens now. */
export function listenForInterrupt(onFirst: () => void): Interrupts {
  const controller = new AbortController();
  let first = 0;
  const listen = () => {
    if (controller.signal.aborted) {
      // npx and npm pass on the signal that the terminal has already sent to all of us: one press can arrive twice.
      if (performance.now() - first < samePress) return;
      process.exit(exitCodes.interrupted); // the terminal's view gives the cursor back on 'exit'
    }
    first = performance.now();
    controller.abort();
    onFirst();
  };
  process.on('SIGINT', listen);
  process.on('SIGTERM', listen);
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', listen);
      process.off('SIGTERM', listen);
    },
  };
}

/** A function to await in loops: it lets the event loop turn when `milliseconds` have passed since it last did. */
export function breather(milliseconds = 50): () => Promise<void> {
  let last = performance.now();
  const immediate = Promise.resolve();
  return () => {
    if (performance.now() - last < milliseconds) return immediate;
    return new Promise((resolve) => {
      setImmediate(() => {
        last = performance.now();
        resolve();
      });
    });
  };
}
