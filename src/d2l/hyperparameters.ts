// HyperParameters and addToClass: how the book keeps constructor arguments and spreads a class over several cells.

/** Copies the entries of an options object into fields of `target` and into `target.hparams`, except the ignored ones. */
export function saveHyperparameters(target: object, options: object, { ignore = [] }: { ignore?: readonly string[] } = {}): void {
  const hparams = Object.fromEntries(Object.entries(options).filter(([k]) => !ignore.includes(k) && !k.startsWith('_')));
  Object.assign(target, hparams, { hparams });
}

/** Base class with `saveHyperparameters`, for classes that are no modules. */
export class HyperParameters {
  declare hparams: Readonly<Record<string, unknown>>;

  /** Copies the entries of an options object into fields and into `hparams`, except the ignored ones. */
  saveHyperparameters(options: object, { ignore = [] }: { ignore?: readonly string[] } = {}): void {
    saveHyperparameters(this, options, { ignore });
  }
}

/**
 * Attaches a function as a method of an existing class: `addToClass(A)(function doIt() { … })`. Declare the method by merging an
 * interface with the class, so that callers are type-checked. The name is the function's unless given.
 */
export function addToClass<T extends object>(type: abstract new (...args: never[]) => T) {
  // biome-ignore lint/suspicious/noExplicitAny: a method may take and give anything
  return <F extends (this: T, ...args: any[]) => unknown>(fn: F, name: string = fn.name): F => {
    if (name === '') throw new TypeError('addToClass: the function has no name; write `function name() {…}` or pass a name');
    Object.defineProperty(type.prototype, name, { value: fn, configurable: true, writable: true });
    return fn;
  };
}
