// Recurrent layers over sequences: RNN, LSTM and GRU with PyTorch's parameter names, gate order and options.

import { stack } from '../ops/join.ts';
import { empty } from '../ops/raw.ts';
import { type CellKind, cellGates, type Direction, recurrentLayer } from '../ops/recurrent.ts';
import { select, squeeze, transpose, unsqueeze } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { dropout } from './dropout.ts';
import { uniform_ } from './init.ts';
import { checkCount } from './linear.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';

export interface RecurrentOptions {
  /** Layers on top of each other. */
  numLayers?: number;
  bias?: boolean;
  /** Inputs and outputs are [N, T, …] rather than [T, N, …]; states are not affected. */
  batchFirst?: boolean;
  /** Probability of dropout behind every layer but the last, in training. */
  dropout?: number;
  /** A second direction from the end to the beginning; outputs hold both side by side. */
  bidirectional?: boolean;
  dtype?: DType;
}
export interface RNNOptions extends RecurrentOptions {
  nonlinearity?: 'tanh' | 'relu';
}
export interface LSTMOptions extends RecurrentOptions {
  /** Size P of a projection of the outputs (Sak et al., 2014); 0: none. */
  projSize?: number;
}

/** What the layers share. State is a tensor, or [h, c] for an LSTM. */
abstract class Recurrent<State> extends Module<[Tensor, (State | null)?], [Tensor, State]> {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly projSize: number;
  protected readonly cell: CellKind;

  constructor(cell: CellKind, inputSize: number, hiddenSize: number, options: RecurrentOptions & { projSize?: number }) {
    super();
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false, projSize = 0, dtype = 'float32' } = options;
    checkCount(this.kind, 'inputSize', inputSize);
    checkCount(this.kind, 'hiddenSize', hiddenSize);
    checkCount(this.kind, 'numLayers', numLayers);
    if (!(dropout >= 0 && dropout <= 1)) throw new ValueError(`${this.kind}: dropout ${dropout} must be a probability from 0 to 1`);
    if (!Number.isInteger(projSize) || projSize < 0 || projSize >= hiddenSize)
      throw new ValueError(`${this.kind}: projSize ${projSize} must be a whole number below hiddenSize ${hiddenSize} (0: no projection)`);
    this.cell = cell;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    this.projSize = projSize;
    const rows = cellGates[cell] * hiddenSize;
    const parameter = (name: string, shape: Shape): void => this.registerParameter(name, new Parameter(empty(shape, dtype)));
    this.#places((suffix, layer) => {
      parameter(`weight_ih_${suffix}`, [rows, layer === 0 ? inputSize : this.#directions * this.outputSize]);
      parameter(`weight_hh_${suffix}`, [rows, this.outputSize]);
      if (bias) {
        parameter(`bias_ih_${suffix}`, [rows]);
        parameter(`bias_hh_${suffix}`, [rows]);
      }
      if (projSize > 0) parameter(`weight_hr_${suffix}`, [projSize, hiddenSize]);
    });
    this.resetParameters();
  }

  get #directions(): number {
    return this.bidirectional ? 2 : 1;
  }
  /** Size of one direction's output. */
  get outputSize(): number {
    return this.projSize > 0 ? this.projSize : this.hiddenSize;
  }

  /** Calls `fn` for each layer and direction with the suffix of its parameters' names. */
  #places(fn: (suffix: string, layer: number) => void): void {
    for (let layer = 0; layer < this.numLayers; layer++) {
      fn(`l${layer}`, layer);
      if (this.bidirectional) fn(`l${layer}_reverse`, layer);
    }
  }

  /** U(-1/√hiddenSize, 1/√hiddenSize) for all parameters, PyTorch's default. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const [, p] of this.ownParameters()) uniform_(p, -bound, bound);
  }

  #parameter(name: string): Parameter | null {
    return (this as unknown as Record<string, Parameter | undefined>)[name] ?? null;
  }

  /** One state [L·D, N, size] for a batch, [L·D, size] without. */
  #checkState(name: string, state: Tensor, batched: boolean, n: number, size: number): Tensor {
    const count = this.numLayers * this.#directions;
    const wanted = batched ? [count, n, size] : [count, size];
    if (!(state instanceof Tensor))
      throw new ValueError(`${this.kind}: ${name} must be a tensor${this.cell === 'lstm' ? ', the state of an LSTM is [h, c]' : ''}`);
    if (!sameShape(state.shape, wanted))
      throw new ShapeError(
        `${this.kind}: ${name} is ${show(state.shape)}; expected ${show(wanted)}, that is [numLayers × directions, ${batched ? 'batch, ' : ''}size]`,
      );
    return batched ? state : unsqueeze(state, 1);
  }

  protected runLayers(input: Tensor, states: readonly [Tensor | null, Tensor | null]): { y: Tensor; h: Tensor; c: Tensor | null } {
    const { kind, batchFirst } = this;
    if (input.ndim !== 2 && input.ndim !== 3)
      throw new ShapeError(
        `${kind}: the input is ${show(input.shape)}; expected [${batchFirst ? 'batch, steps' : 'steps, batch'}, ${this.inputSize}], or [steps, ${this.inputSize}] without a batch`,
      );
    if (input.shape[input.ndim - 1] !== this.inputSize)
      throw new ShapeError(`${kind}: the input is ${show(input.shape)}; its last dimension must be inputSize ${this.inputSize}`);
    const batched = input.ndim === 3;
    let x = !batched ? unsqueeze(input, 1) : batchFirst ? transpose(input, 0, 1) : input;
    const [steps, n] = x.shape;
    if (steps === 0) throw new ShapeError(`${kind}: the input ${show(input.shape)} has no time steps; it needs at least one`);
    const h0 = states[0] === null ? null : this.#checkState('h', states[0], batched, n, this.outputSize);
    const c0 = states[1] === null ? null : this.#checkState('c', states[1], batched, n, this.hiddenSize);
    const hs: Tensor[] = [];
    const cs: Tensor[] = [];
    for (let layer = 0; layer < this.numLayers; layer++) {
      const directions = ['', '_reverse'].slice(0, this.#directions).map((end, k): Direction => {
        const at = (name: string): Parameter | null => this.#parameter(`${name}_l${layer}${end}`);
        const i = layer * this.#directions + k;
        return {
          weightIh: at('weight_ih') as Parameter,
          weightHh: at('weight_hh') as Parameter,
          biasIh: at('bias_ih'),
          biasHh: at('bias_hh'),
          weightHr: at('weight_hr'),
          h0: h0 === null ? null : select(h0, 0, i),
          c0: c0 === null ? null : select(c0, 0, i),
        };
      });
      const r = recurrentLayer(this.cell, x, directions);
      hs.push(...r.h);
      cs.push(...r.c);
      x = layer + 1 < this.numLayers ? dropout(r.y, { p: this.dropout, training: this.training }) : r.y;
    }
    const join = (list: Tensor[]): Tensor => {
      const all = list.length === 1 ? unsqueeze(list[0], 0) : stack(list);
      return batched ? all : squeeze(all, 1);
    };
    return {
      y: !batched ? squeeze(x, 1) : batchFirst ? transpose(x, 0, 1) : x,
      h: join(hs),
      c: cs.length === 0 ? null : join(cs),
    };
  }

  protected override extraRepr(): string {
    const parts = [`${this.inputSize}, ${this.hiddenSize}`];
    if (this.projSize > 0) parts.push(`projSize=${this.projSize}`);
    if (this.numLayers > 1) parts.push(`numLayers=${this.numLayers}`);
    if (!this.bias) parts.push('bias=false');
    if (this.batchFirst) parts.push('batchFirst=true');
    if (this.dropout > 0) parts.push(`dropout=${this.dropout}`);
    if (this.bidirectional) parts.push('bidirectional=true');
    return parts.join(', ');
  }
}

/**
 * Elman network: h' = tanh(x·Wᵢₕᵀ + bᵢₕ + h·Wₕₕᵀ + bₕₕ), or relu. Call with x [T, N, inputSize] and perhaps the state [L·D, N, hiddenSize]
 * (zeros when missing); gives outputs [T, N, D·hiddenSize] and the last state. L layers, D directions. ShapeError when shapes do not fit.
 */
export class RNN extends Recurrent<Tensor> {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, { nonlinearity = 'tanh', ...options }: RNNOptions = {}) {
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw new ValueError(`RNN: nonlinearity '${String(nonlinearity)}' must be 'tanh' or 'relu'`);
    super(nonlinearity, inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearity;
  }

  forward(x: Tensor, state: Tensor | null = null): [Tensor, Tensor] {
    const { y, h } = this.runLayers(x, [state, null]);
    return [y, h];
  }
}

/** Gated recurrent units (Cho et al., 2014), gates in the order r, z, n; the reset gate acts on the hidden product. Called as RNN. */
export class GRU extends Recurrent<Tensor> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super('gru', inputSize, hiddenSize, options);
  }

  forward(x: Tensor, state: Tensor | null = null): [Tensor, Tensor] {
    const { y, h } = this.runLayers(x, [state, null]);
    return [y, h];
  }
}

/**
 * Long short-term memory (Hochreiter and Schmidhuber, 1997), gates in the order i, f, g, o. Called as RNN, its state being [h, c]: h
 * [L·D, N, projSize or hiddenSize], c [L·D, N, hiddenSize].
 */
export class LSTM extends Recurrent<[Tensor, Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    super('lstm', inputSize, hiddenSize, options);
  }

  forward(x: Tensor, state: [Tensor, Tensor] | null = null): [Tensor, [Tensor, Tensor]] {
    if (state !== null && !Array.isArray(state)) throw new ValueError('LSTM: the state must be [h, c], got one tensor');
    const { y, h, c } = this.runLayers(x, state ?? [null, null]);
    return [y, [h, c as Tensor]];
  }
}
