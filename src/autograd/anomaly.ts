// Anomaly mode: stops at the first operation that makes a NaN, in the forward and the backward direction, and says which line called it.

import { GradError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { withSwitch } from './mode.ts';
import type { GradNode } from './node.ts';

let enabled = false;

/** True while operations are watched for NaN. */
export const anomalyEnabled = (): boolean => enabled;

/** Switches anomaly mode for the rest of the program; gives what it was. Prefer detectAnomaly. */
export function setDetectAnomaly(on: boolean): boolean {
  const old = enabled;
  enabled = on;
  return old;
}

/**
 * While `fn` (which may be async) runs, every recorded operation and every gradient is checked: the first NaN is a GradError that names
 * the operation and the line that called it. Slow, for debugging.
 */
export const detectAnomaly = <T>(fn: () => T): T => withSwitch(setDetectAnomaly, true, fn);

/** Reads values; set by setup.ts, because the operations lie above this folder. */
export const anomalyReads: { numbers: ((t: Tensor) => number[]) | null } = { numbers: null };

/** Index of the first NaN of a tensor, or null. */
function firstNaN(t: Tensor): number[] | null {
  if (!isFloating(t.dtype)) return null;
  let at = (anomalyReads.numbers as (t: Tensor) => number[])(t).findIndex(Number.isNaN);
  if (at < 0) return null;
  const index = new Array<number>(t.ndim);
  for (let d = t.ndim - 1; d >= 0; d--) {
    index[d] = at % t.shape[d];
    at = Math.floor(at / t.shape[d]);
  }
  return index;
}

const here = new URL('..', import.meta.url).pathname;
/** The first line of the call stack that lies outside of the library, as 'file:line:column', or null. */
export function userLine(): string | null {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 60;
  const stack = new Error().stack ?? '';
  Error.stackTraceLimit = limit;
  for (const frame of stack.split('\n').slice(1)) {
    const m = /\(?((?:file:\/\/|https?:\/\/|\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/.exec(frame.trim());
    if (m === null || m[1].includes(here) || m[1].includes('node_modules')) continue;
    return m[1].replace(/^file:\/\//, '');
  }
  return null;
}

const calledAt = (line: string | null): string => (line === null ? '' : `; called at ${line}`);

/** After a forward operation: GradError when a result has a NaN. */
export function checkForward(name: string, inputs: readonly (Tensor | null)[], outputs: readonly Tensor[]): void {
  for (const out of outputs) {
    const at = firstNaN(out);
    if (at === null) continue;
    const given = inputs.findIndex((t) => t !== null && !outputs.includes(t) && firstNaN(t) !== null);
    const where = `result of shape ${show(out.shape)} at index ${show(at)}`;
    if (given >= 0)
      throw new GradError(
        `${name}: input ${given} already has a NaN, and so has the ${where}; look at the data, no earlier operation made it${calledAt(userLine())}`,
      );
    throw new GradError(`${name}: made a NaN in its ${where}${calledAt(userLine())}`);
  }
}

/** After a node of backward has run: GradError when a gradient of its inputs has a NaN. */
export function checkBackward(node: GradNode, results: readonly (Tensor | null)[]): void {
  for (let i = 0; i < node.edges.length; i++) {
    const r = results[i];
    if (node.edges[i] === null || r === null || r === undefined) continue;
    const at = firstNaN(r);
    if (at === null) continue;
    const line =
      node.calledAt === null ? '; run the forward pass inside detectAnomaly too and this message names its line' : calledAt(node.calledAt);
    throw new GradError(
      `backward: ${node.name} made a NaN in the gradient of its input ${i}, shape ${show(r.shape)}, at index ${show(at)}${line}`,
    );
  }
}
