// Whether operations are recorded for backward.

let enabled = true;

/** True while operations on tensors that require gradients are recorded. */
export const isGradEnabled = (): boolean => enabled;

function exchange(on: boolean): boolean {
  const old = enabled;
  enabled = on;
  return old;
}

/** Runs `fn`, which may be async, with a switch set, and puts it back afterwards. `set` gives the old value. */
export function withSwitch<T>(set: (on: boolean) => boolean, on: boolean, fn: () => T): T {
  const old = set(on);
  let result: T;
  try {
    result = fn();
  } catch (e) {
    set(old);
    throw e;
  }
  if (result instanceof Promise) return result.finally(() => set(old)) as T;
  set(old);
  return result;
}

/** Sets the mode for the rest of the program and gives the old one; with `fn`, only while it (sync or async) runs, and gives its result. */
export function setGradEnabled(on: boolean): boolean;
export function setGradEnabled<T>(on: boolean, fn: () => T): T;
export function setGradEnabled<T>(on: boolean, fn?: () => T): T | boolean {
  return fn === undefined ? exchange(on) : withSwitch(exchange, on, fn);
}

/** Runs `fn` (which may be async) without recording; gives its result. */
export const noGrad = <T>(fn: () => T): T => withSwitch(exchange, false, fn);

/** Runs `fn` with recording on, inside noGrad too. */
export const enableGrad = <T>(fn: () => T): T => withSwitch(exchange, true, fn);
