// Whether operations are recorded for backward.

let enabled = true;

/** True while operations on tensors that require gradients are recorded. */
export const isGradEnabled = (): boolean => enabled;

/** Sets the mode and returns the old one; prefer noGrad and enableGrad. */
export function setGradEnabled(on: boolean): boolean {
  const old = enabled;
  enabled = on;
  return old;
}

function withMode<T>(on: boolean, fn: () => T): T {
  const old = enabled;
  enabled = on;
  let result: T;
  try {
    result = fn();
  } catch (e) {
    enabled = old;
    throw e;
  }
  if (result instanceof Promise) {
    return result.finally(() => {
      enabled = old;
    }) as T;
  }
  enabled = old;
  return result;
}

/** Runs `fn` (which may be async) without recording; gives its result. */
export const noGrad = <T>(fn: () => T): T => withMode(false, fn);

/** Runs `fn` with recording on, inside noGrad too. */
export const enableGrad = <T>(fn: () => T): T => withMode(true, fn);
