// Layers that hold on to neither their input nor their output. Between two of them the graph alone holds the activation, so its handle can
// be dropped at once and its memory returns as soon as backward has passed. Each layer's file declares its own classes, so that a bundler
// may leave out the files that nobody uses.

const transparent = new WeakSet<object>();

/** Declares that instances of exactly these classes keep neither inputs nor outputs. */
export function markTransparent(...classes: readonly { prototype: object }[]): void {
  for (const c of classes) transparent.add(c.prototype);
}

/** Whether the class of `instance` was declared; a subclass must declare itself. */
export const keepsNothing = (instance: object): boolean => transparent.has(Object.getPrototypeOf(instance) as object);
