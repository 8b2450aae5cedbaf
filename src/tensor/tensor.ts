// The Tensor: a handle (shape, strides, offset, dtype) on a storage, with its place in the graph of derivatives.
// Operations live in src/ops; src/tensor/methods.ts puts them on the prototype.

import { type GradNode, refresh } from '../autograd/node.ts';
import { GradError, ValueError } from '../runtime/errors.ts';
import { track } from '../runtime/memory.ts';
import type { Storage } from '../runtime/pool.ts';
import { recording } from '../runtime/recording.ts';
import { device as deviceName } from '../runtime/runtime.ts';
import type { DType } from './dtype.ts';
import { dtypeSize, isFloating } from './dtype.ts';
import type { TensorMethods } from './methods.ts';
import { contiguousStrides, isContiguous, numelOf, type Shape } from './shape.ts';

/** A function that sees a gradient and may replace it. */
export type GradHook = (grad: Tensor) => Tensor | null | undefined | void;
/** A function that is called with a leaf when its `.grad` has been brought up to date. */
export type PostAccumulateHook = (leaf: Tensor) => void;

// The methods of every operation are declared here by merging; methods.ts installs them.
export interface Tensor extends TensorMethods {
  /** Dimensions in reverse order (the transpose of a matrix). */
  readonly T: Tensor;
  /** The last two dimensions swapped. */
  readonly mT: Tensor;
}

/** An n-dimensional array on a device, with automatic differentiation. Make one with `tensor`, `zeros`, `randn`, … */
export class Tensor {
  storage: Storage;
  shape: Shape;
  strides: Shape;
  offset: number;
  readonly dtype: DType;
  /** The operation that made this tensor (null for leaves) and which of its results it is. */
  node: GradNode | null = null;
  outputNr = 0;
  /** For a view: the tensor whose storage it shows. In-place changes of a view go through it. */
  base: Tensor | null = null;
  /** How often `base` had been changed in place when `node` was made. */
  baseEpoch = 0;
  /** For a base: how often it was changed in place through autograd. */
  epoch = 0;
  hooks: GradHook[] | null = null;
  /** Run after a gradient was added to `.grad` of this leaf. */
  postHooks: PostAccumulateHook[] | null = null;
  /** Survives the end of a scope (gradients, optimizer state). */
  kept = false;
  retainsGrad = false;
  #requiresGrad = false;
  #grad: Tensor | null = null;
  #gradSeen = false;
  #disposed = false;
  #contiguous: boolean | undefined;

  constructor(storage: Storage, shape: Shape, strides: Shape | null, offset: number, dtype: DType) {
    this.storage = storage;
    this.shape = shape;
    this.strides = strides ?? contiguousStrides(shape);
    this.offset = offset;
    this.dtype = dtype;
    this.#contiguous = strides === null ? true : undefined;
    storage.refs++;
    track(this);
  }

  /** Number of dimensions. */
  get ndim(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get numel(): number {
    return numelOf(this.shape);
  }

  /** Size of the first dimension. */
  get length(): number {
    return this.shape[0] ?? 1;
  }

  /** Name of the device that holds the elements. */
  get device(): string {
    return deviceName();
  }

  /** Byte address of the first element. Throws when the tensor was released. */
  get address(): number {
    const a = this.storage.address;
    if (a < 0)
      throw new ValueError(
        `a tensor of shape [${this.shape.join(', ')}] was used after it was released by scope() or dispose(); return it from the scope to keep it`,
      );
    const offset = this.offset * dtypeSize[this.dtype];
    if (recording !== null) recording.addressed(this.storage, offset);
    return a + offset;
  }

  /** True when the elements lie densely in row-major order. */
  get contiguousNow(): boolean {
    if (this.#contiguous === undefined) this.#contiguous = isContiguous(this.shape, this.strides);
    return this.#contiguous;
  }

  /** Changes the geometry of this handle in place (resize_, t_, squeeze_). */
  setGeometry(shape: Shape, strides: Shape, offset: number): void {
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.#contiguous = undefined;
  }

  /** Moves this handle to another storage (lazy parameters that become real). */
  replaceStorage(storage: Storage): void {
    storage.retain();
    this.storage.release();
    this.storage = storage;
  }

  /** True when gradients flow to or through this tensor. */
  get requiresGrad(): boolean {
    if (this.base !== null) refresh(this);
    return this.#requiresGrad || this.node !== null;
  }

  set requiresGrad(on: boolean) {
    if (on && !isFloating(this.dtype))
      throw new GradError(
        `requiresGrad: only floating-point tensors can require gradients, this one is ${this.dtype}; cast it with .to('float32')`,
      );
    if (this.node !== null && !on)
      throw new GradError('requiresGrad: this tensor is the result of an operation; use detach() to get one without history');
    this.#requiresGrad = on;
  }

  /** Sets requiresGrad and returns the tensor. */
  requiresGrad_(on = true): this {
    this.requiresGrad = on;
    return this;
  }

  /** True for a tensor that no recorded operation made. */
  get isLeaf(): boolean {
    if (this.base !== null) refresh(this);
    return this.node === null;
  }

  /** The accumulated gradient, or null. */
  get grad(): Tensor | null {
    if (recording !== null) recording.gradient(this, true);
    this.#gradSeen = true;
    return this.#grad;
  }

  set grad(g: Tensor | null) {
    if (recording !== null) recording.gradient(this, false);
    this.#gradSeen = g !== null;
    this.#grad = g;
    if (g !== null) g.kept = true;
  }

  /** The gradient for the framework's own use: reading it does not count as a user holding it. */
  get gradInternal(): Tensor | null {
    if (recording !== null) recording.gradient(this, true);
    return this.#grad;
  }

  set gradInternal(g: Tensor | null) {
    if (recording !== null) recording.gradient(this, false);
    this.#grad = g;
    if (g !== null) g.kept = true;
  }

  /** Forgets the gradient; its memory is released at once when no user code has seen it. */
  clearGrad(): void {
    if (recording !== null) recording.gradient(this, false);
    const g = this.#grad;
    this.#grad = null;
    if (g !== null && !this.#gradSeen) g.dispose();
    this.#gradSeen = false;
  }

  /** True when user code may hold the gradient. */
  get gradSeen(): boolean {
    return this.#gradSeen;
  }

  /** Marks the gradient as seen by user code. */
  exposeGrad(): void {
    this.#gradSeen = true;
  }

  /** Keeps the gradient of a tensor that is not a leaf; a leaf has it anyway. */
  retainGrad(): void {
    if (!this.requiresGrad) throw new GradError('retainGrad: this tensor does not require gradients; set requiresGrad on an input first');
    const node = this.currentNode();
    if (node === null) return;
    this.retainsGrad = true;
    (node.retained ??= new Map()).set(this.outputNr, this);
  }

  /**
   * Calls `hook` with the gradient of this tensor, once per backward and summed over all uses; what it returns replaces the gradient.
   * Returns a function that removes it.
   */
  registerHook(hook: GradHook): () => void {
    if (!this.requiresGrad)
      throw new GradError('registerHook: this tensor does not require gradients, so it will never have one; set requiresGrad first');
    const node = this.currentNode();
    return addHook(node !== null ? node.hooksOf(this.outputNr) : (this.hooks ??= []), hook);
  }

  /** Calls `hook` with this leaf each time backward has added to its `.grad`. Returns a function that removes it. */
  registerPostAccumulateGradHook(hook: PostAccumulateHook): () => void {
    if (!this.requiresGrad || this.node !== null)
      throw new GradError(
        'registerPostAccumulateGradHook: only a leaf that requires gradients accumulates one; use registerHook for the result of an operation',
      );
    return addHook((this.postHooks ??= []), hook);
  }

  /** True when a hook waits for this leaf's gradient. */
  get hasHooks(): boolean {
    return (this.hooks !== null && this.hooks.length > 0) || (this.postHooks !== null && this.postHooks.length > 0);
  }

  /** Forgets how this tensor was made: it becomes a leaf that does not require gradients. GradError for a view, which would lose its base. */
  detach_(): this {
    if (this.base !== null)
      throw new GradError('detach_: a view cannot be detached in place, because its base would still be differentiated; use detach()');
    this.node = null;
    this.outputNr = 0;
    this.retainsGrad = false;
    this.#requiresGrad = false;
    return this;
  }

  /** The node that made this tensor, looked up anew when the base of a view was changed in place. */
  currentNode(): GradNode | null {
    refresh(this);
    return this.node;
  }

  /** Releases this handle now. Needed only in long synchronous loops; the tensor must not be used afterwards. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.storage.release();
  }

  /** The nodes that backward from this tensor needs. */
  *holds(): Iterable<GradNode> {
    if (this.node !== null) yield this.node;
    if (this.base !== null && this.base.node !== null) yield this.base.node;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function addHook<H>(list: H[], hook: H): () => void {
  list.push(hook);
  return () => {
    const i = list.indexOf(hook);
    if (i >= 0) list.splice(i, 1);
  };
}
