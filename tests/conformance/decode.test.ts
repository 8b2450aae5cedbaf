// Reading case folders and decoding their values.

import { describe, expect, test } from 'vitest';
import { groupNames, readGroup } from '../../conformance/cases.ts';
import { ComplexValue, Decoder, dtypesOf } from '../../conformance/decode.ts';
import type { Tensor } from '../../conformance/library.ts';
import { ELLIPSIS, IndexValue, PyFloat, SliceValue } from '../../conformance/values.ts';
import { f32, groupOf, safetensors, withFolder } from './fixtures.ts';

const tensors = { t0: f32([2, 3], 1, 2, 3, 4, 5, 6) };
const decoder = (wanted: string[] = []): Decoder => new Decoder('test', groupOf([], tensors).tensors, wanted);

describe('values of a case', () => {
  test('floats are told apart from ints', () => {
    const d = decoder();
    expect(d.value(2)).toBe(2);
    expect(d.value({ f: '2.0' })).toEqual(new PyFloat(2));
    expect((d.value({ f: 'nan' }) as PyFloat).value).toBeNaN();
    expect((d.value({ f: '-inf' }) as PyFloat).value).toBe(-Infinity);
    expect(() => d.value({ f: 'two' })).toThrow('is no number');
  });

  test('an index holds slices, the ellipsis, new axes and tensors', () => {
    const v = decoder().value({ index: [0, { slice: [null, 2, null] }, { ellipsis: true }, null, true, [1, 0], { $: 't0' }] }, 'args.1');
    expect(v).toBeInstanceOf(IndexValue);
    const { items } = v as IndexValue;
    expect(items.slice(0, 6)).toEqual([0, new SliceValue(null, 2, null), ELLIPSIS, null, true, [1, 0]]);
    expect((items[6] as Tensor).shape).toEqual([2, 3]);
  });

  test('a view is made of its base, and the base is the leaf', () => {
    const d = decoder(['args.0']);
    const v = d.value(
      {
        $: 't0',
        view: [
          ['transpose', 0, 1],
          ['slice', 0, 1, null, 1],
          ['select', 1, 0],
        ],
      },
      'args.0',
    ) as Tensor;
    expect(v.toArraySync()).toEqual([2, 3]);
    expect(d.leaves.get('args.0')?.shape).toEqual([2, 3]);
    expect(d.leaves.get('args.0')?.requiresGrad).toBe(true);
    expect(d.at.get('args.0')).toBe(v);
  });

  test('every reference is a tensor of its own', () => {
    const [a, b] = decoder().value([{ $: 't0' }, { $: 't0' }], 'args') as Tensor[];
    expect(a).not.toBe(b);
    expect(a.storage).not.toBe(b.storage);
  });

  test('keywords are never tagged values', () => {
    expect(decoder().named({ index: 1, dtype: { dtype: 'int64' } }, 'kwargs')).toEqual({ index: 1, dtype: 'int64' });
  });

  test('a complex result is a pair', () => {
    const c = decoder().expected({ complex: [{ $: 't0' }, { $: 't0' }] });
    expect(c).toBeInstanceOf(ComplexValue);
  });

  test('an unknown tensor and an unknown view step are named', () => {
    expect(() => decoder().value({ $: 't9' })).toThrow('tensor "t9" is not in test.safetensors');
    expect(() => decoder().value({ $: 't0', view: [['twist', 1]] })).toThrow("unknown view step 'twist'");
  });

  test('dtypes of a case are those of its tensors and arguments', () => {
    expect([...dtypesOf([{ $: 't0' }, { dtype: 'int64' }], groupOf([], tensors).tensors)]).toEqual(['float32', 'int64']);
  });
});

describe('reading a folder', () => {
  const ok = safetensors({ t0: { dtype: 'I64', shape: [2], data_offsets: [0, 16] } }, new Uint8Array(new BigInt64Array([5n, -1n]).buffer));
  const one = '[{"id": "g/neg/1", "op": "neg", "args": [], "out": []}]';

  test('a group is its cases and tensors', () => {
    withFolder({ 'g.json': one, 'g.safetensors': ok, 'index.json': '{}' }, (dir) => {
      expect(groupNames(dir)).toEqual(['g']);
      const g = readGroup(dir, 'g');
      expect(g.cases).toHaveLength(1);
      expect(g.tensors.get('t0')?.data).toEqual(new BigInt64Array([5n, -1n]));
    });
  });

  test.each<[string, Record<string, string | Uint8Array>, string]>([
    ['no group', {}, 'holds no group'],
    ['cases that are no JSON', { 'g.json': '[{', 'g.safetensors': ok }, 'is no JSON'],
    ['cases that are no list', { 'g.json': '{}', 'g.safetensors': ok }, 'is no list of cases'],
    ['a case without an op', { 'g.json': '[{"id": "x"}]', 'g.safetensors': ok }, "has no 'op'"],
    ['an id with a line break', { 'g.json': '[{"id": "x\\ny", "op": "neg"}]', 'g.safetensors': ok }, "needs an 'id'"],
    ['an unknown kind', { 'g.json': '[{"id": "x", "op": "neg", "kind": "dance"}]', 'g.safetensors': ok }, "unknown kind 'dance'"],
    [
      'arguments that are no list',
      { 'g.json': '[{"id": "x", "op": "neg", "args": 3, "out": []}]', 'g.safetensors': ok },
      "'args' is no list",
    ],
    ['too many steps', { 'g.json': '[{"id": "x", "op": "o", "steps": 1e9, "out": []}]', 'g.safetensors': ok }, 'at most 100000'],
    ['missing tensors', { 'g.json': one }, 'cannot be read'],
    ['tensors that are too short', { 'g.json': one, 'g.safetensors': new Uint8Array(3) }, 'at least 8'],
    ['a header beyond the file', { 'g.json': one, 'g.safetensors': safetensors('{}').slice(0, 9) }, 'header has 2 bytes'],
    ['a header that is no JSON', { 'g.json': one, 'g.safetensors': safetensors('{{') }, 'no JSON'],
    [
      'bytes outside of the file',
      { 'g.json': one, 'g.safetensors': safetensors({ t: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }) },
      'do not hold shape [2]',
    ],
    [
      'a huge shape',
      { 'g.json': one, 'g.safetensors': safetensors({ t: { dtype: 'F32', shape: [1e9, 1e9], data_offsets: [0, 8] } }, new Uint8Array(8)) },
      'do not hold shape',
    ],
    [
      'an unknown dtype',
      { 'g.json': one, 'g.safetensors': safetensors({ t: { dtype: 'C64', shape: [], data_offsets: [0, 8] } }, new Uint8Array(8)) },
      'dtype C64',
    ],
  ])('%s is an error in one line', (_, files, message) => {
    withFolder(files, (dir) => {
      const read = (): unknown => readGroup(dir, groupNames(dir)[0]);
      expect(read).toThrow(message);
      expect(read).not.toThrow(/\n/);
    });
  });

  test('a folder or group that is not there is named', () => {
    expect(() => groupNames('/nowhere/at/all')).toThrow('is no folder');
    withFolder({ 'g.json': one, 'g.safetensors': ok }, (dir) => {
      expect(() => readGroup(dir, 'h')).toThrow("no group 'h'; there are g");
      expect(() => readGroup(dir, '../cases/g')).toThrow('no group');
    });
  });
});
