// The graph holds what backward needs and nothing else: an operand that no operation saved is garbage as soon as the program has dropped it.

import { expect, test } from 'vitest';
import type { GradNode } from '../../src/autograd/node.ts';
import * as ft from '../../src/index.ts';
import { binaryRows, unaryRows } from '../../src/ops/elementwise-rows.ts';
import { createCollectingWatcher } from '../../src/platform/node-collector.ts';
import type { Storage } from '../../src/runtime/pool.ts';
import { inputsOf, structural } from './samples.ts';

type Operation = (...xs: ft.Tensor[]) => unknown;
const { collect } = createCollectingWatcher();
const tensorsOf = (r: unknown): ft.Tensor[] => (r instanceof ft.Tensor ? [r] : Object.values(r as object).flatMap(tensorsOf));

/** Storages that the graph of `roots` has saved. */
function savedBy(roots: readonly ft.Tensor[]): Set<Storage> {
  const open = roots.flatMap((t) => (t.node === null ? [] : [t.node]));
  const seen = new Set<GradNode>(open);
  const saved = new Set<Storage>(roots.map((t) => t.storage));
  for (let n = open.pop(); n !== undefined; n = open.pop()) {
    for (const t of n.saved ?? []) saved.add(t.storage);
    for (const e of n.edges) {
      if (e === null || e.node === null || seen.has(e.node)) continue;
      seen.add(e.node);
      open.push(e.node);
    }
  }
  return saved;
}

/** Runs `fn` on results of other operations; those that nothing saved, by weak reference. */
function run(fn: Operation, leaves: readonly ft.Tensor[]): { out: ft.Tensor[]; unneeded: [number, WeakRef<ft.Tensor>][] } {
  const xs = leaves.map((t) => ft.clone(t));
  // copies, so that a view is an operand like any other
  const out = tensorsOf(fn(...xs)).map((t) => ft.clone(t));
  const saved = savedBy(out);
  const unneeded = xs.flatMap((x, i): [number, WeakRef<ft.Tensor>][] => (saved.has(x.storage) ? [] : [[i, new WeakRef(x)]]));
  return { out, unneeded };
}

/** Numbers of the inputs that stay reachable although the graph does not need them. */
function keptInVain(fn: Operation, inputs: readonly ft.Tensor[]): number[] {
  const leaves = inputs.map((x) => (ft.isFloatingPoint(x) ? x.detach().requiresGrad_() : x));
  const { out, unneeded } = run(fn, leaves);
  collect();
  const kept = unneeded.filter(([, ref]) => ref.deref() !== undefined).map(([i]) => i);
  expect(out.length).toBeGreaterThan(0); // the graph is alive until here
  return kept;
}

test('the check sees an operand that a closure holds', () => {
  const held: ft.Tensor[] = [];
  const fn = (x: ft.Tensor): ft.Tensor => {
    held.push(x);
    return x.add(1);
  };
  expect(keptInVain(fn, [ft.ones([3])])).toEqual([0]);
  held.length = 0;
  expect(keptInVain((x) => x.add(1), [ft.ones([3])])).toEqual([]);
});

test.each(structural.map((s) => [s.name, s] as const))('%s', (_, sample) => {
  expect(keptInVain(sample.fn, inputsOf(sample))).toEqual([]);
});

test('every elementwise row', () => {
  const lib = ft as unknown as Record<string, (...xs: ft.Tensor[]) => ft.Tensor>;
  const [x, y] = [ft.tensor([0.2, 0.5, 0.7], { dtype: 'float64' }), ft.tensor([[0.3], [0.6]], { dtype: 'float64' })];
  for (const [name, row] of Object.entries(unaryRows)) if (row.dtype !== 'integral') expect(keptInVain(lib[name], [x]), name).toEqual([]);
  for (const [name, row] of Object.entries(binaryRows)) {
    if (row.dtype === 'integral' || 'gcd lcm'.includes(name)) continue;
    expect(keptInVain(lib[name], [x, y]), name).toEqual([]);
  }
});
