// The runner against the real library: right results pass, wrong ones are reported, gaps are counted.

import { describe, expect, test } from 'vitest';
import { allRows, type Rows } from '../../conformance/adapter/index.ts';
import { bindArguments, parseRow, targetOf } from '../../conformance/adapter/row.ts';
import type { Case } from '../../conformance/cases.ts';
import { library } from '../../conformance/library.ts';
import { PyFloat } from '../../conformance/values.ts';
import { f32, runCases } from './fixtures.ts';

const tensors = {
  a: f32([2], 1, 2),
  b: f32([2], 10, 20),
  sum: f32([2], 11, 22),
  product: f32([2], 10, 40),
  half: f32([2], 0.5, 0.5),
  ga: f32([2], 5, 10),
  m: f32([2, 2], 1, 2, 3, 4),
  column: f32([2], 2, 4),
  gm: f32([2, 2], 0, 0.5, 0, 0.5),
};
const add: Case = { id: 'test/add/1', op: 'add', args: [{ $: 'a' }, { $: 'b' }], kwargs: {}, out: [{ $: 'sum' }] };
const mul: Case = {
  id: 'test/mul/1',
  op: 'mul',
  args: [{ $: 'a' }, { $: 'b' }],
  out: [{ $: 'product' }],
  cot: [{ $: 'half' }],
  grads: { 'args.0': { $: 'ga' } },
};

describe('runCases', () => {
  test('right values and gradients pass', () => {
    expect(runCases([add, mul], tensors).totals).toEqual({ passed: 2, failed: 0, unmapped: 0, skipped: 0, total: 2 });
  });

  test('a wrong adapter is reported as failed, with the place and the error', () => {
    const wrong: Rows = { ...allRows, add: 'sub: input*, other*' };
    const report = runCases([add, mul], tensors, wrong);
    expect(report.totals).toMatchObject({ passed: 1, failed: 1 });
    expect(report.failures[0]).toMatchObject({ id: 'test/add/1', op: 'add', what: 'out.0', error: 40 });
    expect(report.text(5)).toContain('expected 22, got -18');
  });

  test('a wrong gradient, dtype, shape or a missing error fails', () => {
    const cases: Case[] = [
      { ...mul, grads: { 'args.0': { $: 'a' } } },
      { ...add, args: [{ $: 'a' }, 1], out: [{ $: 'm' }] },
      { ...add, args: [{ $: 'a' }, { $: 'b' }], out: [3] },
      { id: 'test/add/2', op: 'add', args: [{ $: 'a' }, { $: 'b' }], error: 'shape' },
    ];
    const report = runCases(cases, tensors);
    expect(report.totals.failed).toBe(4);
    expect(report.failures.map((f) => f.what)).toEqual(['grad args.0', 'out.0', 'out.0', 'call']);
  });

  test('an error of the library passes an error case, an accident of JavaScript does not', () => {
    const broken: Case = { id: 'test/add/3', op: 'add', args: [{ $: 'a' }, { $: 'bad' }], error: 'shape' };
    const three = { ...tensors, bad: f32([3], 1, 2, 3) };
    expect(runCases([broken], three).totals.passed).toBe(1);
    const accident: Rows = { add: { needs: ['add'], call: () => (undefined as unknown as { x: number }).x } };
    expect(runCases([broken], three, accident).failures[0].message).toContain('it threw TypeError');
  });

  test('ops without a row and rows without a function are counted apart and do not fail', () => {
    const report = runCases([{ ...add, op: 'conjure' }, add], tensors, { add: 'noSuchFunction: input, other' });
    expect(report.totals).toMatchObject({ failed: 0, unmapped: 2 });
    expect([...report.unmapped]).toEqual([['conjure', 1]]);
    expect([...report.missing]).toEqual([['noSuchFunction', 1]]);
    expect(report.text(1)).toContain('missing in library: noSuchFunction (1)');
  });

  test('the gradient of a view arrives at its base', () => {
    const c: Case = {
      id: 'test/positive/1',
      op: 'clone',
      args: [{ $: 'm', view: [['select', 1, 1]] }],
      out: [{ $: 'column' }],
      cot: [{ $: 'half' }],
      grads: { 'args.0': { $: 'gm' } },
    };
    expect(runCases([c], tensors).failures).toEqual([]);
  });

  test('an in-place method works on a copy', () => {
    const c: Case = {
      id: 'test/add_/1',
      op: 'Tensor.add_',
      args: [{ $: 'a' }, { $: 'b' }],
      out: [{ $: 'sum' }],
      cot: [{ $: 'half' }],
      grads: { 'args.0': { $: 'half' } },
    };
    expect(runCases([c], tensors).failures).toEqual([]);
  });

  test('a program sets values, runs backward and compares what it expects', () => {
    const c: Case = {
      id: 'test/program/1',
      op: 'program',
      kind: 'program',
      inputs: { x: { $: 'a' }, w: { $: 'b' } },
      requires_grad: ['x'],
      program: [
        ['y', 'mul', { v: 'x' }, { v: 'w' }],
        ['', 'backward', { v: 'y' }, { kw: { gradient: { $: 'half' } } }],
      ],
      expect: { y: { $: 'product' }, 'x.grad': { $: 'ga' }, 'w.grad': null, 'y.is_leaf': false },
    };
    expect(runCases([c], tensors).failures).toEqual([]);
    const wrong = runCases([{ ...c, expect: { 'w.grad': { $: 'a' } } }], tensors);
    expect(wrong.failures[0].message).toContain('no gradient');
  });

  test('the report is a JSON object', () => {
    const json = JSON.parse(JSON.stringify(runCases([add], tensors))) as Record<string, unknown>;
    expect(json.totals).toEqual({ passed: 1, failed: 0, unmapped: 0, skipped: 0, total: 1 });
  });
});

describe('rows', () => {
  const bind = (row: string, args: unknown[], kwargs: Record<string, unknown> = {}): unknown[] =>
    bindArguments('op', parseRow('op', row).params, { args, kwargs }, library);

  test('required arguments are positional, defaults go into one options object', () => {
    expect(bind('input, dim?, keepdim?', [1, 0], { keepdim: true })).toEqual([1, { dim: 0, keepdim: true }]);
    expect(bind('input, rounding_mode?', [1], { rounding_mode: 'floor' })).toEqual([1, { roundingMode: 'floor' }]);
    expect(bind('input, dim?', [1])).toEqual([1]);
  });

  test('optional positional arguments are filled up only when something follows', () => {
    expect(bind('x, weight, bias~, stride?', [1, 2], { stride: 3 })).toEqual([1, 2, undefined, { stride: 3 }]);
    expect(bind('x, weight, bias~, stride?', [1, 2])).toEqual([1, 2]);
  });

  test('a whole float counts as a float only where it takes part in promotion', () => {
    const [plain] = bind('x', [new PyFloat(2)]);
    expect(plain).toBe(2);
    const [weak] = bind('x*', [new PyFloat(2)]);
    expect(weak).toEqual((library.float as (v: number) => unknown)(2));
  });

  test('arguments that a row does not know are refused', () => {
    expect(() => bind('input', [1, 2])).toThrow('the row has 1');
    expect(() => bind('input', [1], { dim: 0 })).toThrow('op(dim) is not mapped');
    expect(() => bind('input, dim', [1])).toThrow("'dim' is missing");
  });

  test('names become camelCase, in-place underscores stay', () => {
    expect(targetOf('nn.functional.conv_transpose2d')).toBe('nn.functional.convTranspose2d');
    expect(targetOf('Tensor.masked_fill_')).toBe('Tensor.maskedFill_');
    expect(targetOf('atleast_1d')).toBe('atleast1d');
  });

  test('every row of the adapter can be read', () => {
    for (const [op, row] of Object.entries(allRows)) if (typeof row === 'string') expect(parseRow(op, row).params).toBeDefined();
  });
});
