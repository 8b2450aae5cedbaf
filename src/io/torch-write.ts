// Writes PyTorch's zip form (.pt), which torch.load reads with weights_only: one pickle of protocol 2 and the elements of each storage.

import { hostCopy } from '../ops/create.ts';
import { FloatScalar } from '../ops/elementwise-apply.ts';
import { dense } from '../ops/raw.ts';
import { ValueError } from '../runtime/errors.ts';
import { contiguousStrides } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { writeFileAtomic } from './files.ts';
import { bytesOf } from './safetensors-format.ts';
import { storageNameOf } from './torch-names.ts';
import { joinPieces, type ZipSource, zipPieces } from './zip.ts';

/**
 * What can be saved: tensors, numbers (whole ones become Python's int, `float(2)` its float), texts, truth values, null, bytes, lists, and dictionaries as
 * Maps (keys are texts or numbers) or plain objects. Entries that are undefined are left out.
 */
export type TorchSavable =
  | Tensor
  | number
  | bigint
  | string
  | boolean
  | null
  | undefined
  | FloatScalar
  | Uint8Array
  | readonly TorchSavable[]
  | ReadonlyMap<string | number | bigint | boolean | null, TorchSavable>
  | { readonly [key: string]: TorchSavable };

const maxDepth = 500;

/** Bytes that grow. */
class Bytes {
  #bytes = new Uint8Array(1024);
  #length = 0;

  /** Makes room, perhaps in a new array, and gives where it begins; the array must be looked up after the call. */
  #room(n: number): number {
    const at = this.#length;
    if (at + n > this.#bytes.length) {
      const more = new Uint8Array(Math.max(this.#bytes.length * 2, at + n));
      more.set(this.#bytes);
      this.#bytes = more;
    }
    this.#length = at + n;
    return at;
  }

  put(...values: number[]): void {
    const at = this.#room(values.length);
    this.#bytes.set(values, at);
  }

  ascii(text: string): void {
    const at = this.#room(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[at + i] = text.charCodeAt(i);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** `size` bytes written by a DataView. */
  number(size: number, write: (view: DataView, at: number) => void): void {
    const at = this.#room(size);
    write(new DataView(this.#bytes.buffer), at);
  }

  get done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Pickles a value; tensors are described, and listed for the archive. */
class Pickler {
  readonly out = new Bytes();
  /** One tensor for each storage, in the order of their keys. */
  readonly storages: Tensor[] = [];
  readonly #keys = new Map<string, number>();
  readonly #storageIds = new Map<unknown, number>();
  readonly #open = new Set<unknown>();

  value(v: TorchSavable, path: string): void {
    const { out } = this;
    if (v === null) out.put(0x4e);
    else if (v instanceof Tensor) this.#tensor(v);
    else if (typeof v === 'boolean') out.put(v ? 0x88 : 0x89);
    else if (v instanceof FloatScalar) this.#float(v.value);
    else if (typeof v === 'number') Number.isSafeInteger(v) && !Object.is(v, -0) ? this.#int(v) : this.#float(v);
    else if (typeof v === 'bigint') this.#long(v);
    else if (typeof v === 'string') this.#string(v);
    else if (v instanceof Uint8Array) this.#byteString(v);
    else if (typeof v === 'object') this.#container(v, path);
    else
      throw new ValueError(
        `saving: ${path} is of type ${typeof v}, which a file cannot hold; leave it out or turn it into numbers and texts`,
      );
  }

  #container(v: Exclude<TorchSavable & object, Tensor | FloatScalar | Uint8Array>, path: string): void {
    if (this.#open.has(v)) throw new ValueError(`saving: ${path} contains itself; break the circle first`);
    if (this.#open.size >= maxDepth)
      throw new ValueError(`saving: ${path.slice(0, 80)}… is nested deeper than ${maxDepth} levels; flatten it`);
    this.#open.add(v);
    if (Array.isArray(v)) {
      this.out.put(0x5d, 0x28);
      v.forEach((item, i) => {
        this.value(item, `${path}[${i}]`);
      });
      this.out.put(0x65);
    } else {
      const plain = !(v instanceof Map);
      const proto = Object.getPrototypeOf(v) as unknown;
      if (plain && proto !== Object.prototype && proto !== null)
        throw new ValueError(`saving: ${path} is a ${v.constructor.name}, which a file cannot hold; save its stateDict() or plain values`);
      const entries = (plain ? Object.entries(v) : [...v]) as [string | number | bigint | boolean | null, TorchSavable][];
      this.out.put(0x7d, 0x28);
      for (const [key, item] of entries) {
        if (item === undefined) continue;
        this.value(key, `a key of ${path}`);
        this.value(item, `${path}.${String(key)}`);
      }
      this.out.put(0x75);
    }
    this.#open.delete(v);
  }

  #float(v: number): void {
    this.out.put(0x47);
    this.out.number(8, (view, at) => view.setFloat64(at, v, false));
  }

  #int(v: number): void {
    if (v >= 0 && v < 256) this.out.put(0x4b, v);
    else if (v >= -(2 ** 31) && v < 2 ** 31) {
      this.out.put(0x4a);
      this.out.number(4, (view, at) => view.setInt32(at, v, true));
    } else this.#long(BigInt(v));
  }

  /** Two's complement in as few bytes as hold it. */
  #long(v: bigint): void {
    const bytes: number[] = [];
    let rest = v;
    do {
      bytes.push(Number(BigInt.asUintN(8, rest)));
      rest >>= 8n;
    } while (!((rest === 0n && bytes[bytes.length - 1] < 0x80) || (rest === -1n && bytes[bytes.length - 1] >= 0x80)));
    if (bytes.length > 255) throw new ValueError('saving: a whole number of more than 255 bytes cannot be stored');
    this.out.put(0x8a, bytes.length, ...bytes);
  }

  #string(v: string): void {
    const raw = new TextEncoder().encode(v);
    this.out.put(0x58);
    this.out.number(4, (view, at) => view.setUint32(at, raw.length, true));
    this.out.raw(raw);
  }

  #byteString(v: Uint8Array): void {
    this.#global('_codecs', 'encode');
    let text = '';
    for (let i = 0; i < v.length; i += 0x8000) text += String.fromCharCode(...v.subarray(i, i + 0x8000));
    this.#string(text);
    this.#string('latin1');
    this.out.put(0x86, 0x52);
  }

  #global(module: string, name: string): void {
    this.out.put(0x63);
    this.out.ascii(`${module}\n${name}\n`);
  }

  #tuple(items: readonly number[]): void {
    this.out.put(0x28);
    for (const n of items) this.#int(n);
    this.out.put(0x74);
  }

  #tensor(t: Tensor): void {
    // Handles on the same elements in the same order (tied weights) share a storage; any other view is stored dense.
    let id = this.#storageIds.get(t.storage);
    if (id === undefined) this.#storageIds.set(t.storage, (id = this.#storageIds.size));
    const place = `${id} ${t.dtype} ${t.offset} ${t.shape.join()} ${t.strides.join()}`;
    let key = this.#keys.get(place);
    if (key === undefined) {
      this.#keys.set(place, (key = this.storages.length));
      this.storages.push(t);
    }
    this.#global('torch._utils', '_rebuild_tensor_v2');
    this.out.put(0x28, 0x28);
    this.#string('storage');
    this.#global('torch', storageNameOf[t.dtype]);
    this.#string(String(key));
    this.#string('cpu');
    this.#int(t.numel);
    this.out.put(0x74, 0x51);
    this.#int(0);
    this.#tuple(t.shape);
    this.#tuple(contiguousStrides(t.shape));
    this.out.put(0x89);
    this.#global('collections', 'OrderedDict');
    this.out.put(0x29, 0x52, 0x74, 0x52);
  }
}

function* sourcesOf(value: TorchSavable): Generator<ZipSource> {
  const pickler = new Pickler();
  pickler.out.put(0x80, 2);
  pickler.value(value, 'the value');
  pickler.out.put(0x2e);
  const text = (s: string): Uint8Array => new TextEncoder().encode(s);
  yield { name: 'archive/data.pkl', data: pickler.out.done, align: 64 };
  yield { name: 'archive/byteorder', data: text('little'), align: 64 };
  for (const [key, t] of pickler.storages.entries()) yield { name: `archive/data/${key}`, data: bytesOf(hostCopy(dense(t))), align: 64 };
  yield { name: 'archive/version', data: text('3\n'), align: 64 };
}

/**
 * The bytes of a file that torch.load (weights_only included) and loadTorch read. All tensors are copied before it returns.
 * Throws a ValueError that names the place of what cannot be saved.
 */
export const encodeTorch = (value: TorchSavable): Uint8Array<ArrayBuffer> => joinPieces(zipPieces(sourcesOf(value), 'pt'));

/**
 * Writes a state dict, or any nesting of dictionaries and lists of tensors and plain values, as torch.save does. One tensor at a time is
 * copied to the host. Throws a ValueError for what cannot be saved, and a SaveError when the file cannot be written; then what was there stays.
 */
export async function saveTorch(path: string, value: TorchSavable): Promise<void> {
  await writeFileAtomic(path, zipPieces(sourcesOf(value), path));
}
