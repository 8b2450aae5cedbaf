// Random programs of views, indexing, arithmetic and in-place changes through views, beside the plain model of reference.ts: values, aliasing and
// gradients must agree.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as ft from '../../src/index.ts';
import { Choices } from '../choices.ts';
import { broadcast, count, Model } from './reference.ts';

/** A tensor and its model. */
interface Pair {
  readonly t: ft.Tensor;
  readonly m: Model;
}

const scalars = [-1, 0.5, 2, -0.25];
const plus = (x: Model, y: Model): Model =>
  x.with(
    y,
    (a, b) => a + b,
    (_, da, __, db) => da + db,
  );
const minus = (x: Model, y: Model): Model =>
  x.with(
    y,
    (a, b) => a - b,
    (_, da, __, db) => da - db,
  );
const times = (x: Model, y: Model): Model =>
  x.with(
    y,
    (a, b) => a * b,
    (a, da, b, db) => da * b + a * db,
  );
const constant = (v: number): Model => Model.of([], [v]);

/** A view or copy of one tensor, or null when the operation does not apply to it. */
const unary: Record<string, (p: Pair, c: Choices) => Pair | null> = {
  select({ t, m }, c) {
    const d = c.below(m.ndim);
    if (m.ndim === 0 || m.shape[d] === 0) return null;
    const k = c.below(m.shape[d]);
    const shape = m.shape.filter((_, i) => i !== d);
    return { t: t.select(d, k - (c.below(2) ? m.shape[d] : 0)), m: m.view(shape, (i) => [...i.slice(0, d), k, ...i.slice(d)]) };
  },
  slice({ t, m }, c) {
    if (m.ndim === 0) return null;
    const d = c.below(m.ndim);
    const [start, length, step] = [c.below(m.shape[d] + 1), c.below(m.shape[d] + 1), 1 + c.below(3)];
    const stop = Math.min(start + length, m.shape[d]);
    const n = Math.ceil((stop - start) / step);
    const shape = m.shape.map((s, i) => (i === d ? n : s));
    return { t: t.slice(d, start, stop, step), m: m.view(shape, (i) => i.map((k, e) => (e === d ? start + k * step : k))) };
  },
  narrow({ t, m }, c) {
    if (m.ndim === 0) return null;
    const d = c.below(m.ndim);
    const start = c.below(m.shape[d] + 1);
    const length = c.below(m.shape[d] - start + 1);
    const shape = m.shape.map((s, i) => (i === d ? length : s));
    return { t: t.narrow(d, start, length), m: m.view(shape, (i) => i.map((k, e) => (e === d ? start + k : k))) };
  },
  permute({ t, m }, c) {
    const left = m.shape.map((_, i) => i);
    const order: number[] = [];
    while (left.length > 0) order.push(...left.splice(c.below(left.length), 1));
    return {
      t: t.permute(order),
      m: m.view(
        order.map((d) => m.shape[d]),
        (i) => m.shape.map((_, d) => i[order.indexOf(d)]),
      ),
    };
  },
  transpose({ t, m }) {
    if (m.ndim < 2) return null;
    const swap = (list: readonly number[]): number[] => [list[m.ndim - 1], ...list.slice(1, -1), list[0]];
    return { t: t.transpose(0, -1), m: m.view(swap(m.shape), swap) };
  },
  expand({ t, m }, c) {
    const shape = m.shape.map((n) => (n === 1 ? 1 + c.below(3) : n));
    if (c.below(2)) shape.unshift(1 + c.below(2));
    return count(shape) > 64 ? null : { t: t.expand(shape), m: m.expand(shape) };
  },
  reshape({ t, m }, c) {
    const n = count(m.shape);
    if (n === 0) return null;
    const divisors = Array.from({ length: n }, (_, i) => i + 1).filter((k) => n % k === 0);
    const a = c.of(divisors);
    const shape = c.of([[n], [a, n / a], [n / a, 1, a]]);
    return { t: t.reshape(shape), m: m.reshape(shape) };
  },
  flatten: ({ t, m }) => ({ t: t.flatten(), m: m.ndim === 1 ? m : m.reshape([count(m.shape)]) }),
  unsqueeze({ t, m }, c) {
    const d = c.below(m.ndim + 1);
    if (m.ndim > 3) return null;
    return { t: t.unsqueeze(d), m: m.view([...m.shape.slice(0, d), 1, ...m.shape.slice(d)], (i) => i.filter((_, k) => k !== d)) };
  },
  squeeze({ t, m }) {
    const keep = m.shape.map((_, i) => i).filter((i) => m.shape[i] !== 1);
    return {
      t: t.squeeze(),
      m: m.view(
        keep.map((i) => m.shape[i]),
        (i) => m.shape.map((_, d) => (keep.includes(d) ? i[keep.indexOf(d)] : 0)),
      ),
    };
  },
  diagonal({ t, m }) {
    if (m.ndim < 2) return null;
    const n = Math.min(m.shape[0], m.shape[1]);
    return { t: t.diagonal(), m: m.view([...m.shape.slice(2), n], (i) => [i[i.length - 1], i[i.length - 1], ...i.slice(0, -1)]) };
  },
  'index: position, slice, new dimension'({ t, m }, c) {
    if (m.ndim < 2 || m.shape[0] === 0) return null;
    const k = c.below(m.shape[0]);
    const n = Math.ceil(m.shape[1] / 2);
    return {
      t: t.index([k, '::2', null]),
      m: m.view([n, 1, ...m.shape.slice(2)], (i) => [k, 2 * i[0], ...i.slice(2)]),
    };
  },
  'index: list'({ t, m }, c) {
    if (m.ndim === 0 || m.shape[0] === 0) return null;
    const list = [c.below(m.shape[0]), c.below(m.shape[0]), c.below(m.shape[0])];
    return {
      t: c.below(2) ? t.index([list]) : t.indexSelect(0, ft.tensor(list)),
      m: m.view([3, ...m.shape.slice(1)], (i) => [list[i[0]], ...i.slice(1)]).copy(),
    };
  },
  'index: mask'({ t, m }, c) {
    if (m.ndim === 0) return null;
    const mask = Array.from({ length: m.shape[0] }, () => c.below(2) === 1);
    const kept = mask.flatMap((on, i) => (on ? [i] : []));
    return {
      t: t.index([ft.tensor(mask, { dtype: 'bool' })]),
      m: m.view([kept.length, ...m.shape.slice(1)], (i) => [kept[i[0]], ...i.slice(1)]).copy(),
    };
  },
  flip({ t, m }, c) {
    if (m.ndim === 0) return null;
    const d = c.below(m.ndim);
    return { t: t.flip(d), m: m.view(m.shape, (i) => i.map((k, e) => (e === d ? m.shape[d] - 1 - k : k))).copy() };
  },
  clone: ({ t, m }) => ({ t: t.clone(), m: m.copy() }),
  contiguous: ({ t, m }) => ({ t: t.contiguous(), m: m.contiguous() }),
  'mul by a number'({ t, m }, c) {
    const v = c.of(scalars);
    return { t: t.mul(v), m: times(m, constant(v)) };
  },
  sum({ t, m }, c) {
    if (m.ndim === 0) return null;
    const d = c.below(m.ndim);
    const add = (list: number[]): number => list.reduce((a, b) => a + b, 0);
    return { t: t.sum({ dim: d }), m: m.reduce(d, (v, dv) => [add(v), add(dv)]) };
  },
  amax({ t, m }, c) {
    const d = c.below(m.ndim);
    if (m.ndim === 0 || m.shape[d] === 0) return null;
    return {
      t: t.amax({ dim: d }),
      m: m.reduce(d, (v, dv) => {
        const top = Math.max(...v);
        const at = v.flatMap((x, i) => (x === top ? [dv[i]] : []));
        return [top, at.reduce((a, b) => a + b, 0) / at.length];
      }),
    };
  },
  cat({ t, m }) {
    if (m.ndim === 0) return null;
    const n = m.shape[0];
    return {
      t: ft.cat([t, t]),
      m: m.view([2 * n, ...m.shape.slice(1)], (i) => [i[0] % Math.max(n, 1), ...i.slice(1)]).copy(),
    };
  },
};

/** A change of `p` in place; `other` may overlap it. False when it does not apply. */
const changes: Record<string, (p: Pair, other: Pair, c: Choices) => boolean> = {
  'add_ number'({ t, m }, _, c) {
    const v = c.of(scalars);
    t.add_(v);
    m.write(plus(m, constant(v)));
    return true;
  },
  'mul_ number'({ t, m }, _, c) {
    const v = c.of(scalars);
    t.mul_(v);
    m.write(times(m, constant(v)));
    return true;
  },
  fill_({ t, m }, _, c) {
    const v = c.of(scalars);
    t.fill_(v);
    m.write(constant(v).expand(m.shape));
    return true;
  },
  zero_({ t, m }) {
    t.zero_();
    m.write(constant(0).expand(m.shape));
    return true;
  },
  ...Object.fromEntries(
    (
      [
        ['add_', plus],
        ['sub_', minus],
        ['mul_', times],
        ['copy_', (x, y) => y.expand(x.shape).copy()],
      ] as [string, (x: Model, y: Model) => Model][]
    ).map(([name, fn]) => [
      name,
      ({ t, m }: Pair, other: Pair): boolean => {
        const shape = broadcast(m.shape, other.m.shape);
        if (shape === null || String(shape) !== String(m.shape) || other.m.ndim > m.ndim) return false;
        const result = fn(m, other.m);
        (t as unknown as Record<string, (o: ft.Tensor) => void>)[name](other.t);
        m.write(result);
        return true;
      },
    ]),
  ),
  'setIndex_: slice'({ t, m }, other, c) {
    if (m.ndim === 0) return false;
    const start = c.below(m.shape[0] + 1);
    const part = m.view([m.shape[0] - start, ...m.shape.slice(1)], (i) => [i[0] + start, ...i.slice(1)]);
    if (String(broadcast(part.shape, other.m.shape)) !== String(part.shape) || other.m.ndim > part.ndim) return false;
    const from = other.m.expand(part.shape).copy();
    t.setIndex_([{ start }], other.t);
    part.write(from);
    return true;
  },
  'setIndex_: different positions'({ t, m }, other, c) {
    if (m.ndim === 0 || m.shape[0] < 2) return false;
    const a = c.below(m.shape[0]);
    const list = [a, (a + 1 + c.below(m.shape[0] - 1)) % m.shape[0]];
    const part = m.view([2, ...m.shape.slice(1)], (i) => [list[i[0]], ...i.slice(1)]);
    if (String(broadcast(part.shape, other.m.shape)) !== String(part.shape) || other.m.ndim > part.ndim) return false;
    const from = other.m.expand(part.shape).copy();
    t.setIndex_([list], other.t);
    part.write(from);
    return true;
  },
  'setIndex_: mask'({ t, m }, _, c) {
    const mask = Array.from({ length: count(m.shape) }, () => c.below(2) === 1);
    const v = c.of(scalars);
    t.setIndex_([ft.tensor(mask, { dtype: 'bool' }).reshape(m.shape)], v);
    const kept = mask.flatMap((on, i) => (on ? [m.places[i]] : []));
    new Model([kept.length], kept, m.store).write(constant(v).expand([kept.length]));
    return true;
  },
};

const unaryNames = Object.keys(unary);
const smoothNames = unaryNames.filter((n) => n !== 'amax'); // equal elements have no second derivative there
const changeNames = Object.keys(changes);
const used = new Map<string, number>();
const note = (name: string): void => void used.set(name, (used.get(name) ?? 0) + 1);

/** Runs a program on a pool of pairs. */
function run(pool: Pair[], c: Choices, smooth = false): string[] {
  const log: string[] = [];
  while (!c.done && pool.length < 24) {
    const at = c.below(pool.length);
    const p = pool[at];
    const other = c.of(pool);
    const kind = c.below(10);
    const name = kind < 5 ? c.of(smooth ? smoothNames : unaryNames) : kind < 7 ? c.of(['add', 'sub', 'mul']) : c.of(changeNames);
    if (kind < 5) {
      const made = unary[name](p, c);
      if (made === null || count(made.m.shape) > 64) continue;
      pool.push(made);
    } else if (kind < 7) {
      const shape = broadcast(p.m.shape, other.m.shape);
      if (shape === null || count(shape) > 64) continue;
      const fn = { add: plus, sub: minus, mul: times }[name] as typeof plus;
      pool.push({ t: p.t[name as 'add'](other.t), m: fn(p.m, other.m) });
    } else {
      if (p.m.overlaps) {
        expect(() => p.t.add_(1), `${log.join('; ')}; add_ of an overlapping tensor`).toThrow(ft.ValueError);
        continue;
      }
      if (!changes[name](p, other, c)) continue;
    }
    note(name);
    log.push(`${pool.length - 1}: ${name} of ${at} and ${pool.indexOf(other)}`);
  }
  return log;
}

const close = (a: number, b: number, tolerance: number): boolean =>
  Object.is(a, b) || Math.abs(a - b) <= tolerance * (1 + Math.abs(b)) || (!Number.isFinite(a) && !Number.isFinite(b));

function compareValues(pool: readonly Pair[], log: readonly string[]): void {
  pool.forEach(({ t, m }, k) => {
    expect(t.shape, log.join('; ')).toEqual(m.shape);
    const [got, want] = [t.numbersSync(), m.values];
    const off = got.findIndex((v, i) => !close(v, want[i], 1e-9));
    expect(off, `tensor ${k} differs at ${off}: got ${got}, want ${want}; ${log.join('; ')}`).toBe(-1);
  });
}

const program = fc.array(fc.nat(997), { minLength: 20, maxLength: 90 });
const shapes = [[2, 3], [3], [2, 1, 2], []];
const numbers = (n: number, seed: number): number[] => Array.from({ length: n }, (_, i) => ((i * 37 + seed * 101 + 11) % 97) / 48 - 1);

describe('random programs', () => {
  test('2000 programs of views, indexing, arithmetic and in-place changes agree with the model', () => {
    used.clear();
    fc.assert(
      fc.property(program, (list) => {
        const pool = shapes.map((shape, k): Pair => {
          const values = numbers(count(shape), k);
          return { t: ft.fromTyped(Float64Array.from(values), shape), m: Model.of(shape, values) };
        });
        const log = run(pool, new Choices(list));
        compareValues(pool, log);
      }),
      { numRuns: 2000, seed: 20241 },
    );
    // every operation took part
    for (const name of [...unaryNames, ...changeNames, 'add', 'sub', 'mul']) expect(used.get(name) ?? 0, name).toBeGreaterThan(50);
  });

  test('1000 programs: the gradients are those of the model, or a changed saved tensor is reported', () => {
    let compared = 0;
    fc.assert(
      fc.property(program, (list) => {
        const leaves: ft.Tensor[] = [];
        const directions: number[][] = [];
        const pool = shapes.map((shape, k): Pair => {
          const values = numbers(count(shape), k);
          const t = ft.fromTyped(Float64Array.from(values), shape);
          if (k === 1) return { t, m: Model.of(shape, values) }; // a constant
          const direction = numbers(values.length, k + 7);
          leaves.push(t.requiresGrad_());
          directions.push(direction);
          return { t: t.clone(), m: Model.of(shape, values, direction) };
        });
        const log = run(pool, new Choices(list));
        compareValues(pool, log);
        let want = 0;
        const losses: ft.Tensor[] = [];
        pool.forEach(({ t, m }, k) => {
          const weights = numbers(count(m.shape), k + 13);
          if (t.requiresGrad) losses.push(t.mul(ft.fromTyped(Float64Array.from(weights), m.shape)).sum());
          else
            expect(
              m.dots.every((d) => d === 0),
              `tensor ${k} lost its history; ${log.join('; ')}`,
            ).toBe(true);
          m.dots.forEach((d, i) => {
            want += d * weights[i];
          });
        });
        if (losses.length === 0) return;
        let grads: ft.Tensor[];
        try {
          grads = ft.grad(losses, leaves, { materializeGrads: true });
        } catch (e) {
          if (e instanceof ft.GradError && e.message.includes('changed in place')) return;
          throw e;
        }
        compared++;
        const got = grads.reduce((s, g, k) => s + g.numbersSync().reduce((p, v, i) => p + v * directions[k][i], 0), 0);
        expect(close(got, want, 1e-6), `gradient in the direction: got ${got}, want ${want}; ${log.join('; ')}`).toBe(true);
      }),
      { numRuns: 1000, seed: 77 },
    );
    expect(compared).toBeGreaterThan(500);
  });

  test('80 programs: second derivatives agree with differences', () => {
    let compared = 0;
    fc.assert(
      fc.property(program, (list) => {
        const leaves = shapes.map((shape, k) => ft.fromTyped(Float64Array.from(numbers(count(shape), k)), shape).requiresGrad_());
        let log: string[] = [];
        const loss = (...xs: ft.Tensor[]): ft.Tensor => {
          const pool = xs.map((x, k): Pair => ({ t: x.mul(x), m: Model.of(shapes[k], numbers(count(shapes[k]), k)) }));
          log = run(pool, new Choices(list), true);
          return pool.reduce((s: ft.Tensor, { t }) => s.add(t.square().sum()), ft.zeros([], { dtype: 'float64' }));
        };
        if (!(Math.abs(loss(...leaves).itemSync()) < 1e4)) return; // high powers leave differences no digits
        try {
          ft.autograd.gradgradcheck(loss, leaves, { mode: 'projection', rtol: 1e-3, atol: 1e-3 });
          compared++;
        } catch (e) {
          if (!(e instanceof ft.GradError && e.message.includes('changed in place')))
            throw new Error(`${(e as Error).message}; ${log.join('; ')}`);
        }
      }),
      { numRuns: 80, seed: 5 },
    );
    expect(compared).toBeGreaterThan(40);
  });
});
