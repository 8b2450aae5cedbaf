// Padding layers for one, two and three spatial dimensions in every mode.

import { type PadOptions, pad } from '../ops/pad.ts';
import { ShapeError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';
import { markTransparent } from './transparent.ts';

/** One pad for every side, or (before, after) pairs from the last dimension on. */
export type Padding = number | readonly number[];

abstract class PadNd extends Module {
  readonly padding: readonly number[];
  readonly #options: PadOptions;
  readonly #spatial: number;

  constructor(spatial: number, padding: Padding, options: PadOptions) {
    super();
    this.padding = typeof padding === 'number' ? new Array<number>(2 * spatial).fill(padding) : padding;
    if (this.padding.length !== 2 * spatial)
      throw new ShapeError(`${new.target.name}: padding is ${show(this.padding)}; expected one number or ${2 * spatial} of them`);
    this.#options = options;
    this.#spatial = spatial;
  }
  forward(x: Tensor): Tensor {
    if (x.ndim !== this.#spatial + 1 && x.ndim !== this.#spatial + 2)
      throw new ShapeError(
        `${this.kind}: the input has shape ${show(x.shape)}; expected ${this.#spatial} spatial dimension(s) behind [N, C] or [C]`,
      );
    return pad(x, this.padding, this.#options);
  }
  protected override extraRepr(): string {
    const { value } = this.#options;
    return `${show(this.padding)}${value === undefined || value === 0 ? '' : `, value=${value}`}`;
  }
}

/** Zeros around the last dimension. */
export class ZeroPad1d extends PadNd {
  constructor(padding: Padding) {
    super(1, padding, {});
  }
}
/** Zeros around the last two dimensions. */
export class ZeroPad2d extends PadNd {
  constructor(padding: Padding) {
    super(2, padding, {});
  }
}
/** Zeros around the last three dimensions. */
export class ZeroPad3d extends PadNd {
  constructor(padding: Padding) {
    super(3, padding, {});
  }
}
/** A constant around the last dimension. */
export class ConstantPad1d extends PadNd {
  constructor(padding: Padding, value: number) {
    super(1, padding, { value });
  }
}
/** A constant around the last two dimensions. */
export class ConstantPad2d extends PadNd {
  constructor(padding: Padding, value: number) {
    super(2, padding, { value });
  }
}
/** A constant around the last three dimensions. */
export class ConstantPad3d extends PadNd {
  constructor(padding: Padding, value: number) {
    super(3, padding, { value });
  }
}
/** The mirrored elements around the last dimension; the outermost is not repeated. */
export class ReflectionPad1d extends PadNd {
  constructor(padding: Padding) {
    super(1, padding, { mode: 'reflect' });
  }
}
/** The mirrored elements around the last two dimensions; the outermost are not repeated. */
export class ReflectionPad2d extends PadNd {
  constructor(padding: Padding) {
    super(2, padding, { mode: 'reflect' });
  }
}
/** The mirrored elements around the last three dimensions; the outermost are not repeated. */
export class ReflectionPad3d extends PadNd {
  constructor(padding: Padding) {
    super(3, padding, { mode: 'reflect' });
  }
}
/** The outermost element repeated around the last dimension. */
export class ReplicationPad1d extends PadNd {
  constructor(padding: Padding) {
    super(1, padding, { mode: 'replicate' });
  }
}
/** The outermost elements repeated around the last two dimensions. */
export class ReplicationPad2d extends PadNd {
  constructor(padding: Padding) {
    super(2, padding, { mode: 'replicate' });
  }
}
/** The outermost elements repeated around the last three dimensions. */
export class ReplicationPad3d extends PadNd {
  constructor(padding: Padding) {
    super(3, padding, { mode: 'replicate' });
  }
}
/** The elements of the opposite end around the last dimension. */
export class CircularPad1d extends PadNd {
  constructor(padding: Padding) {
    super(1, padding, { mode: 'circular' });
  }
}
/** The elements of the opposite end around the last two dimensions. */
export class CircularPad2d extends PadNd {
  constructor(padding: Padding) {
    super(2, padding, { mode: 'circular' });
  }
}
/** The elements of the opposite end around the last three dimensions. */
export class CircularPad3d extends PadNd {
  constructor(padding: Padding) {
    super(3, padding, { mode: 'circular' });
  }
}

markTransparent(
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
);
