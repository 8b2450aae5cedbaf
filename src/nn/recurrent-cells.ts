// Single steps of recurrent networks: RNNCell, LSTMCell and GRUCell.

import { empty } from '../ops/raw.ts';
import { type CellKind, cellGates, recurrentCell } from '../ops/recurrent.ts';
import { squeeze, unsqueeze } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { uniform_ } from './init.ts';
import { checkCount } from './linear.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';

export interface CellOptions {
  bias?: boolean;
  dtype?: DType;
}

abstract class RecurrentCell<State, Out> extends Module<[Tensor, (State | null)?], Out> {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly weight_ih: Parameter;
  readonly weight_hh: Parameter;
  readonly bias_ih: Parameter | null;
  readonly bias_hh: Parameter | null;
  protected readonly cell: CellKind;

  constructor(cell: CellKind, inputSize: number, hiddenSize: number, { bias = true, dtype = 'float32' }: CellOptions) {
    super();
    checkCount(this.kind, 'inputSize', inputSize);
    checkCount(this.kind, 'hiddenSize', hiddenSize);
    this.cell = cell;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    const rows = cellGates[cell] * hiddenSize;
    const parameter = (...shape: number[]): Parameter => new Parameter(empty(shape, dtype));
    this.weight_ih = parameter(rows, inputSize);
    this.weight_hh = parameter(rows, hiddenSize);
    this.bias_ih = bias ? parameter(rows) : null;
    this.bias_hh = bias ? parameter(rows) : null;
    this.resetParameters();
  }

  /** U(-1/√hiddenSize, 1/√hiddenSize) for all parameters, PyTorch's default. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const [, p] of this.ownParameters()) uniform_(p, -bound, bound);
  }

  protected step(x: Tensor, h: Tensor | null, c: Tensor | null): { h: Tensor; c: Tensor | null } {
    if ((x.ndim !== 1 && x.ndim !== 2) || x.shape[x.ndim - 1] !== this.inputSize)
      throw new ShapeError(`${this.kind}: the input is ${show(x.shape)}; expected [batch, ${this.inputSize}] or [${this.inputSize}]`);
    const batched = x.ndim === 2;
    const state = (name: string, t: Tensor | null): Tensor | null => {
      if (t === null) return null;
      const wanted = batched ? [x.shape[0], this.hiddenSize] : [this.hiddenSize];
      if (!(t instanceof Tensor)) throw new ValueError(`${this.kind}: ${name} must be a tensor`);
      if (!sameShape(t.shape, wanted)) throw new ShapeError(`${this.kind}: ${name} is ${show(t.shape)}; expected ${show(wanted)}`);
      return batched ? t : unsqueeze(t, 0);
    };
    const r = recurrentCell(this.cell, batched ? x : unsqueeze(x, 0), {
      weightIh: this.weight_ih,
      weightHh: this.weight_hh,
      biasIh: this.bias_ih,
      biasHh: this.bias_hh,
      h0: state('h', h),
      c0: state('c', c),
    });
    return batched ? r : { h: squeeze(r.h, 0), c: r.c === null ? null : squeeze(r.c, 0) };
  }

  protected override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.bias_ih === null ? ', bias=false' : ''}`;
  }
}

/** One step of an Elman network: x [N, inputSize] and h [N, hiddenSize] (zeros when missing) to the next h. */
export class RNNCell extends RecurrentCell<Tensor, Tensor> {
  constructor(
    inputSize: number,
    hiddenSize: number,
    { nonlinearity = 'tanh', ...options }: CellOptions & { nonlinearity?: 'tanh' | 'relu' } = {},
  ) {
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw new ValueError(`RNNCell: nonlinearity '${String(nonlinearity)}' must be 'tanh' or 'relu'`);
    super(nonlinearity, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, h: Tensor | null = null): Tensor {
    return this.step(x, h, null).h;
  }
}

/** One step of gated recurrent units: x [N, inputSize] and h [N, hiddenSize] (zeros when missing) to the next h. */
export class GRUCell extends RecurrentCell<Tensor, Tensor> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super('gru', inputSize, hiddenSize, options);
  }

  forward(x: Tensor, h: Tensor | null = null): Tensor {
    return this.step(x, h, null).h;
  }
}

/** One step of long short-term memory: x [N, inputSize] and [h, c], [N, hiddenSize] each (zeros when missing), to the next [h, c]. */
export class LSTMCell extends RecurrentCell<[Tensor, Tensor], [Tensor, Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super('lstm', inputSize, hiddenSize, options);
  }

  forward(x: Tensor, state: [Tensor, Tensor] | null = null): [Tensor, Tensor] {
    if (state !== null && !Array.isArray(state)) throw new ValueError('LSTMCell: the state must be [h, c], got one tensor');
    const r = this.step(x, state?.[0] ?? null, state?.[1] ?? null);
    return [r.h, r.c as Tensor];
  }
}
