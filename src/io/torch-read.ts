// Reads PyTorch's files (.pt, .pth): the zip form of today and the old form of several pickles in a row. Only tensors, numbers, texts and
// containers of them are built (src/io/unpickle.ts); tensors of one storage share it here too.

import { fromTyped } from '../ops/create.ts';
import { empty, window } from '../ops/raw.ts';
import { type TypedArray, viewOf } from '../tensor/dtype.ts';
import { contiguousStrides, isContiguous, numelOf, type Shape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { FormatError } from './errors.ts';
import { readFileBytes } from './files.ts';
import { swapBytes } from './npy.ts';
import { dtypeNames, type StorageType, storageTypes } from './torch-names.ts';
import { PickleGlobal, type PickleWorld, unpickle } from './unpickle.ts';
import { isZip, openZip } from './zip.ts';

/** What a file of PyTorch's may hold: dictionaries are Maps (their keys may be numbers), tuples and lists arrays. */
export type TorchValue =
  | Tensor
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | TorchValue[]
  | Set<TorchValue>
  | Map<string | number | bigint | boolean | null, TorchValue>;

/** A storage: its elements as a 1-d tensor. */
class TorchStorage {
  readonly key: string;
  readonly type: StorageType;
  readonly numel: number;
  readonly #flat: Tensor;

  constructor(key: string, type: StorageType, flat: Tensor) {
    this.key = key;
    this.type = type;
    this.numel = flat.numel;
    this.#flat = flat;
  }

  /** A tensor on these elements. */
  tensor(offset: number, shape: Shape, strides: Shape): Tensor {
    const dense = isContiguous(shape, strides);
    return new Tensor(this.#flat.storage, shape, dense ? null : strides, offset, this.type.dtype);
  }
}

/**
 * Reads the bytes of a file that torch.save wrote: state dicts, checkpoints, tensors. Nothing in it is executed. int8 and int16 widen to
 * int32; tensors do not require gradients; those that shared a storage share it. Throws a FormatError when the file is damaged or holds anything else.
 */
export function decodeTorch(bytes: Uint8Array, file = 'pt'): TorchValue {
  const value = isZip(bytes) ? decodeZip(bytes, file) : decodeOld(bytes, file);
  checkPlain(value, file);
  return value as TorchValue;
}

/** Reads a file that torch.save wrote; see decodeTorch. LoadError when the file cannot be read, FormatError when it holds anything but data. */
export async function loadTorch(path: string): Promise<TorchValue> {
  return decodeTorch(await readFileBytes(path), path);
}

/** Which tensors {@link loadTorchWeights} takes. */
export interface TorchWeightsOptions {
  /** Key of the state dict in a dictionary of several things, such as 'state_dict'. Default: the file is the state dict. */
  key?: string;
  /** Taken off the front of every name, such as 'module.'. Names without it are an error. Default ''. */
  prefix?: string;
}

/**
 * Reads the tensors of a state dict by name. Throws a FormatError that lists the keys when the file, or its entry `key`, is no
 * dictionary of tensors.
 */
export async function loadTorchWeights(path: string, { key, prefix = '' }: TorchWeightsOptions = {}): Promise<Map<string, Tensor>> {
  const whole = await loadTorch(path);
  const keys = (v: TorchValue): string =>
    v instanceof Map ? `a dictionary with ${[...v.keys()].slice(0, 12).join(', ')}` : 'no dictionary';
  const state = key === undefined ? whole : whole instanceof Map ? whole.get(key) : undefined;
  if (!(state instanceof Map))
    throw new FormatError(
      `${path}: ${key === undefined ? 'it' : `it has no dictionary '${key}': it`} is ${keys(whole)}; pass the key of the state dict`,
    );
  const out = new Map<string, Tensor>();
  for (const [name, value] of state) {
    if (typeof name !== 'string' || !(value instanceof Tensor))
      throw new FormatError(
        `${path}: '${String(name)}' is no tensor; the file is ${keys(whole)}; pass the key of the state dict, or use loadTorch`,
      );
    if (!name.startsWith(prefix))
      throw new FormatError(`${path}: '${name}' does not begin with the prefix '${prefix}'; pass another prefix`);
    out.set(name.slice(prefix.length), value);
  }
  return out;
}

// ---------------------------------------------------------------- the names that a pickle may use

const whole = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0;
const sizes = (v: unknown): v is number[] => Array.isArray(v) && v.every(whole);

/** The world of a file; `storage` gives the storage of a persistent id. */
function worldOf(
  file: string,
  storage: (type: StorageType, key: string, numel: number, id: readonly unknown[]) => TorchStorage,
): PickleWorld {
  const fail = (what: string): never => {
    throw new FormatError(`${file}: bad PyTorch file: ${what}; get the file again`);
  };
  const rebuildTensor = ([from, offset, shape, strides]: readonly unknown[]): Tensor => {
    if (!(from instanceof TorchStorage)) return fail('a tensor has no storage');
    if (!whole(offset) || !sizes(shape) || !sizes(strides) || shape.length !== strides.length)
      return fail('a tensor has no proper offset, sizes and strides');
    const empty = numelOf(shape) === 0;
    const last = shape.reduce((at, n, i) => at + (n - 1) * strides[i], offset);
    if (!Number.isSafeInteger(numelOf(shape)) || (!empty && last >= from.numel) || (empty && offset > from.numel))
      return fail(
        `a tensor of shape ${show(shape)} and strides ${show(strides)} at ${offset} leaves its storage of ${from.numel} elements`,
      );
    return from.tensor(offset, shape, empty ? contiguousStrides(shape) : strides);
  };
  const first = (args: readonly unknown[]): unknown => (args[0] instanceof Tensor ? args[0] : fail('a parameter without its tensor'));
  const encode = ([text, code]: readonly unknown[]): Uint8Array => {
    if (typeof text !== 'string' || (code !== 'latin1' && code !== 'latin-1')) return fail('bytes that are not written as latin1');
    return Uint8Array.from(text, (c) => c.charCodeAt(0));
  };
  const pairs = ([list]: readonly unknown[]): Map<unknown, unknown> => {
    if (list === undefined) return new Map();
    if (list instanceof Map) return new Map(list);
    if (!Array.isArray(list) || !list.every((p) => Array.isArray(p) && p.length === 2 && typeof p[0] !== 'object'))
      return fail('an ordered dictionary of no pairs');
    return new Map(list as [unknown, unknown][]);
  };
  const items = ([list]: readonly unknown[]): unknown[] =>
    list === undefined ? [] : Array.isArray(list) ? list : fail('a container of no list');
  const calls: Record<string, (args: readonly unknown[]) => unknown> = {
    'torch._utils._rebuild_tensor': rebuildTensor,
    'torch._utils._rebuild_tensor_v2': rebuildTensor,
    'torch._utils._rebuild_parameter': first,
    'torch._utils._rebuild_parameter_with_state': first,
    'torch.Size': items,
    'torch.device': (args) => args.map(String).join(':'),
    'collections.OrderedDict': pairs,
    '_codecs.encode': encode,
    'builtins.set': (args) => new Set(items(args)),
    '__builtin__.set': (args) => new Set(items(args)),
    'builtins.frozenset': (args) => new Set(items(args)),
    '__builtin__.frozenset': (args) => new Set(items(args)),
  };
  const known = new Map<string, PickleGlobal>();
  const make = (name: string): PickleGlobal | undefined => {
    if (Object.hasOwn(calls, name)) return new PickleGlobal(name, calls[name]);
    return Object.hasOwn(storageTypes, name) || dtypeNames.has(name) ? new PickleGlobal(name) : undefined;
  };
  const storages = new Map<string, TorchStorage>();
  return {
    global(name) {
      const found = known.get(name) ?? make(name);
      if (found !== undefined) known.set(name, found);
      return found;
    },
    persistent(id) {
      if (!Array.isArray(id) || id[0] !== 'storage')
        return fail(`it refers to ${Array.isArray(id) ? `a '${String(id[0])}'` : 'something'} outside the pickle, only storages are known`);
      const [, tag, key, , numel] = id;
      const type = tag instanceof PickleGlobal && Object.hasOwn(storageTypes, tag.name) ? storageTypes[tag.name] : undefined;
      if (type === undefined || typeof key !== 'string' || !whole(numel)) return fail('a storage without type, key and size');
      let found = storages.get(key);
      if (found === undefined) storages.set(key, (found = storage(type, key, numel, id)));
      if (found.type !== type || found.numel !== numel) fail(`storage '${key}' is described in two ways`);
      return found;
    },
  };
}

/** Refuses classes and storages among the values themselves; each container is looked at once. */
function checkPlain(value: unknown, file: string): void {
  const seen = new Set<unknown>();
  const open: unknown[] = [value];
  while (open.length > 0) {
    const v = open.pop();
    if (v instanceof PickleGlobal && !dtypeNames.has(v.name))
      throw new FormatError(`${file}: the file holds the class '${v.name}' where only data was expected; save tensors and plain values`);
    if (v instanceof TorchStorage) throw new FormatError(`${file}: the file holds the bare storage '${v.key}'; save tensors on it instead`);
    if (typeof v !== 'object' || v === null || seen.has(v)) continue;
    seen.add(v);
    if (v instanceof Map) {
      for (const [key, item] of v) {
        if (item instanceof PickleGlobal && dtypeNames.has(item.name)) v.set(key, item.name.slice(6));
        else open.push(item);
      }
    } else if (Array.isArray(v)) {
      v.forEach((item: unknown, i) => {
        if (item instanceof PickleGlobal && dtypeNames.has(item.name)) v[i] = item.name.slice(6);
        else open.push(item);
      });
    } else if (v instanceof Set) open.push(...v);
  }
}

/** The elements of a storage as they are here. */
function elementsOf(type: StorageType, raw: Uint8Array, big: boolean, key: string, file: string): TypedArray {
  const bytes = new Uint8Array(raw); // not slice(), which shares memory on a Buffer
  if (big && type.size > 1) swapBytes(bytes, type.size);
  if (type.narrow !== undefined)
    return Int32Array.from(type.narrow === 'int8' ? new Int8Array(bytes.buffer) : new Int16Array(bytes.buffer));
  if (type.dtype === 'bool' && bytes.some((b) => b > 1))
    throw new FormatError(`${file}: storage '${key}' is bool, but has bytes other than 0 and 1; get the file again`);
  return viewOf(type.dtype, bytes.buffer, 0, bytes.length / type.size);
}

// ---------------------------------------------------------------- the two forms of a file

function decodeZip(bytes: Uint8Array, file: string): unknown {
  const archive = openZip(bytes, file);
  const byName = new Map(archive.entries.map((e) => [e.name, e]));
  const pickles = archive.entries.filter((e) => e.name === 'data.pkl' || e.name.endsWith('/data.pkl'));
  if (pickles.length !== 1)
    throw new FormatError(
      `${file}: not a PyTorch file: the archive has ${pickles.length} entries data.pkl, one was expected; check that this is the right file`,
    );
  const prefix = pickles[0].name.slice(0, -'data.pkl'.length);
  if (byName.has(`${prefix}constants.pkl`))
    throw new FormatError(
      `${file}: this is a TorchScript program, whose code cannot be run here; save its state_dict() with torch.save instead`,
    );
  const order = byName.get(`${prefix}byteorder`);
  const big = order !== undefined && new TextDecoder().decode(archive.read(order)).trim() === 'big';
  const world = worldOf(file, (type, key, numel) => {
    const entry = byName.get(`${prefix}data/${key}`);
    if (entry === undefined) throw new FormatError(`${file}: bad PyTorch file: storage '${key}' is missing; get the file again`);
    if (entry.size !== numel * type.size)
      throw new FormatError(
        `${file}: bad PyTorch file: storage '${key}' has ${entry.size} bytes, ${numel * type.size} were expected; get the file again`,
      );
    return new TorchStorage(key, type, fromTyped(elementsOf(type, archive.read(entry), big, key, file), [numel], type.dtype));
  });
  return unpickle(archive.read(pickles[0]), world, `${file}: ${pickles[0].name}`).value;
}

// The first number of the old form: 0x1950a86a20f9469cfc6c; then the protocol 1001.
const oldMagic = 0x1950a86a20f9469cfc6cn;

function decodeOld(bytes: Uint8Array, file: string): unknown {
  const refuse: PickleWorld = {
    global: () => undefined,
    persistent: () => {
      throw new FormatError(`${file}: bad PyTorch file: its preamble refers to storages; get the file again`);
    },
  };
  if (bytes[0] !== 0x80)
    throw new FormatError(`${file}: not a PyTorch file: it is neither a zip archive nor a pickle; check that this is the right file`);
  const magic = unpickle(bytes, refuse, file);
  if (magic.value !== oldMagic)
    throw new FormatError(`${file}: not a PyTorch file: a pickle that torch.save did not write; check that this is the right file`);
  const version = unpickle(bytes, refuse, file, magic.end);
  const system = unpickle(bytes, refuse, file, version.end);
  if (version.value !== 1001 || !(system.value instanceof Map))
    throw new FormatError(`${file}: bad PyTorch file: its protocol is ${String(version.value)}, 1001 was expected; get the file again`);
  const big = system.value.get('little_endian') === false;
  // The elements follow behind the pickles, so storages are made empty, as far as the file can fill them, and filled then.
  let claimed = 0;
  const waiting = new Map<string, { type: StorageType; flat: Tensor }>();
  const world = worldOf(file, (type, key, numel, id) => {
    if (id[5] !== null && id[5] !== undefined)
      throw new FormatError(
        `${file}: storage '${key}' is a view of another storage, a form of very old files; save the file again with a newer PyTorch`,
      );
    claimed += numel * type.size;
    if (claimed > bytes.length)
      throw new FormatError(
        `${file}: truncated PyTorch file: its storages take ${claimed} bytes, the file has ${bytes.length}; get the file again`,
      );
    const flat = empty([numel], type.dtype);
    waiting.set(key, { type, flat });
    return new TorchStorage(key, type, flat);
  });
  const object = unpickle(bytes, world, file, system.end);
  const keys = unpickle(bytes, refuse, file, object.end);
  if (!Array.isArray(keys.value))
    throw new FormatError(`${file}: bad PyTorch file: the list of its storages is missing; get the file again`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = keys.end;
  for (const key of keys.value as unknown[]) {
    const item = waiting.get(String(key));
    if (item === undefined)
      throw new FormatError(`${file}: bad PyTorch file: storage '${String(key)}' belongs to no tensor; get the file again`);
    const { type, flat } = item;
    const numel = flat.numel;
    const end = at + 8 + numel * type.size;
    if (end > bytes.length)
      throw new FormatError(
        `${file}: truncated PyTorch file: storage '${String(key)}' ends at byte ${end}, the file at ${bytes.length}; get the file again`,
      );
    if (view.getBigInt64(at, !big) !== BigInt(numel))
      throw new FormatError(
        `${file}: bad PyTorch file: storage '${String(key)}' has another size than its tensors say; get the file again`,
      );
    (window(flat) as Uint8Array).set(elementsOf(type, bytes.subarray(at + 8, end), big, String(key), file) as Uint8Array);
    waiting.delete(String(key));
    at = end;
  }
  if (waiting.size > 0)
    throw new FormatError(
      `${file}: truncated PyTorch file: the elements of storage '${[...waiting.keys()][0]}' are missing; get the file again`,
    );
  return object.value;
}
