// Parameters: leaves that a module trains. An uninitialized one has no shape until the first input shows it; it becomes real in
// place, so that an optimizer may hold it before.

import { copyInto, empty } from '../ops/raw.ts';
import { ShapeError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { contiguousStrides, type Shape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** A tensor that is a trainable part of a module. Shares the storage of `data`. */
export class Parameter extends Tensor {
  constructor(data: Tensor, { requiresGrad = true }: { requiresGrad?: boolean } = {}) {
    super(data.storage, data.shape, data.strides, data.offset, data.dtype);
    this.kept = true;
    this.requiresGrad = requiresGrad;
  }

  /** Puts fresh elements of another shape under this handle; the old ones are gone. */
  protected renew(shape: Shape, dtype: DType): void {
    const fresh = empty(shape, dtype);
    this.replaceStorage(fresh.storage);
    (this as { dtype: DType }).dtype = dtype;
    fresh.dispose();
    this.setGeometry(shape, contiguousStrides(shape), 0);
  }

  /** Casts the elements in place; the handle stays the same, so optimizers keep it. */
  castInPlace(dtype: DType): void {
    if (dtype === this.dtype) return;
    const fresh = empty(this.shape, dtype);
    copyInto(fresh, this);
    this.renew(this.shape, dtype);
    copyInto(this, fresh);
    fresh.dispose();
    this.clearGrad();
  }
}

/** A parameter whose shape the first input will tell. */
export class UninitializedParameter extends Parameter {
  #ready = false;

  constructor(dtype: DType = 'float32', { requiresGrad = true }: { requiresGrad?: boolean } = {}) {
    super(empty([0], dtype), { requiresGrad });
  }

  /** False until `materialize` has run. */
  get isMaterialized(): boolean {
    return this.#ready;
  }

  /** Gives the parameter its shape; its elements are undefined until they are initialised. */
  materialize(shape: Shape): void {
    if (this.#ready) throw new ShapeError(`materialize: the parameter already has the shape ${show(this.shape)}`);
    this.renew(shape, this.dtype);
    this.#ready = true;
  }
}

/** True for a parameter that still waits for its shape. */
export const isLazy = (t: unknown): t is UninitializedParameter => t instanceof UninitializedParameter && !t.isMaterialized;

/** Gives a lazy parameter its shape; its elements are undefined until they are initialised. */
export const materialize = (p: UninitializedParameter, shape: Shape): void => p.materialize(shape);
