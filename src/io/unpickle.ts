// Reads Python pickles without Python: a stack machine for the opcodes that files of weights use (protocols 0 to 5). It can only build
// plain values. Classes and functions come from a short table that the caller gives; any other name is refused and nothing is executed.

import { FormatError } from './errors.ts';

/** A name of Python's that a pickle refers to. */
export class PickleGlobal {
  /** Module and name, as `torch.FloatStorage`. */
  readonly name: string;
  /** What calling it gives; without it the name is a mere tag. */
  readonly call: ((args: readonly unknown[]) => unknown) | undefined;

  constructor(name: string, call?: (args: readonly unknown[]) => unknown) {
    this.name = name;
    this.call = call;
  }
}

/** What a pickle may reach. */
export interface PickleWorld {
  /** The name, or undefined to refuse it. */
  global(name: string): PickleGlobal | undefined;
  /** An object that lies outside the pickle, by its id. */
  persistent(id: unknown): unknown;
}

/** A value read from a pickle, and the position behind it. */
export interface Unpickled {
  value: unknown;
  end: number;
}

const maxDigits = 10_000; // of a whole number written as text

/**
 * Reads the pickle that begins at byte `start`. Tuples and lists become arrays, dictionaries Maps, sets Sets, bytes Uint8Arrays, whole
 * numbers beyond 2^53 bigints. Throws a FormatError when it is damaged, or refers to a name that `world` refuses.
 */
export function unpickle(bytes: Uint8Array, world: PickleWorld, file: string, start = 0): Unpickled {
  return new Machine(bytes, world, file, start).run();
}

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #world: PickleWorld;
  readonly #file: string;
  #at: number;
  #stack: unknown[] = [];
  readonly #marks: unknown[][] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(bytes: Uint8Array, world: PickleWorld, file: string, start: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#world = world;
    this.#file = file;
    this.#at = start;
  }

  run(): Unpickled {
    for (;;) {
      const code = this.#bytes[this.#take(1)];
      if (code === 0x2e) return { value: this.#pop(), end: this.#at }; // STOP
      this.#step(code);
    }
  }

  #fail(what: string): never {
    throw new FormatError(`${this.#file}: bad pickle: ${what} (byte ${this.#at}); get the file again`);
  }

  /** Moves over `n` bytes and gives where they begin. */
  #take(n: number): number {
    const at = this.#at;
    if (n > this.#bytes.length - at) this.#fail(`it ends where ${n} more byte(s) were expected`);
    this.#at = at + n;
    return at;
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) this.#fail('a line has no end');
    const text = latin1(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  #length8(): number {
    const n = this.#view.getBigUint64(this.#take(8), true);
    if (n > BigInt(this.#bytes.length)) this.#fail(`a length of ${n} bytes is more than the file has`);
    return Number(n);
  }

  #raw(n: number): Uint8Array {
    const at = this.#take(n);
    return this.#bytes.subarray(at, at + n);
  }

  #pop(): unknown {
    if (this.#stack.length === 0) this.#fail('an operand is missing');
    return this.#stack.pop();
  }

  #top(): unknown {
    if (this.#stack.length === 0) this.#fail('an operand is missing');
    return this.#stack[this.#stack.length - 1];
  }

  /** What was pushed since the last mark. */
  #sinceMark(): unknown[] {
    const below = this.#marks.pop();
    if (below === undefined) this.#fail('a mark is missing');
    const items = this.#stack;
    this.#stack = below;
    return items;
  }

  #push(value: unknown): void {
    this.#stack.push(value);
  }

  #put(key: number): void {
    this.#memo.set(key, this.#top());
  }

  #get(key: number): void {
    if (!this.#memo.has(key)) this.#fail(`memory cell ${key} is empty`);
    this.#push(this.#memo.get(key));
  }

  #global(name: string): void {
    const found = this.#world.global(name);
    if (found === undefined)
      throw new FormatError(
        `${this.#file}: the pickle asks for '${name}', which no file of weights needs; it was refused and nothing was executed. Save only tensors, numbers, texts and containers of them (in PyTorch: torch.save(net.state_dict(), path))`,
      );
    this.#push(found);
  }

  #call(target: unknown, args: unknown): void {
    if (!Array.isArray(args)) this.#fail('arguments are no tuple');
    if (!(target instanceof PickleGlobal)) this.#fail('something that is no function is called');
    if (target.call === undefined)
      throw new FormatError(
        `${this.#file}: the pickle calls '${target.name}', which may only be named; it was refused and nothing was executed`,
      );
    this.#push(target.call(args));
  }

  #whole(n: bigint): number | bigint {
    return n >= BigInt(Number.MIN_SAFE_INTEGER) && n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n;
  }

  /** Two's complement, least byte first. */
  #long(raw: Uint8Array): number | bigint {
    if (raw.length === 0) return 0;
    let hex = '';
    for (let i = raw.length - 1; i >= 0; i--) hex += raw[i].toString(16).padStart(2, '0');
    const n = BigInt(`0x${hex}`);
    return this.#whole(raw[raw.length - 1] & 0x80 ? n - (1n << BigInt(8 * raw.length)) : n);
  }

  #text(text: string, pattern: RegExp, what: string): string {
    if (text.length > maxDigits || !pattern.test(text)) this.#fail(`'${text.slice(0, 40)}' is no ${what}`);
    return text;
  }

  #addItems(target: unknown, items: readonly unknown[]): void {
    if (!(target instanceof Map)) this.#fail('entries are given to something that is no dictionary');
    if (items.length % 2 !== 0) this.#fail('a key has no value');
    for (let i = 0; i < items.length; i += 2) target.set(this.#key(items[i]), items[i + 1]);
  }

  #key(key: unknown): unknown {
    if (key === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof key)) return key;
    return this.#fail('a key of a dictionary is neither a text nor a number');
  }

  #append(target: unknown, items: readonly unknown[]): void {
    if (!Array.isArray(target)) this.#fail('items are given to something that is no list');
    for (const item of items) target.push(item);
  }

  #utf8(raw: Uint8Array): string {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(raw);
    } catch {
      return latin1(raw);
    }
  }

  #step(code: number): void {
    const view = this.#view;
    switch (code) {
      case 0x80: // PROTO
        if (this.#bytes[this.#take(1)] > 5) this.#fail('its protocol is newer than 5');
        break;
      case 0x95: // FRAME
        this.#length8();
        break;
      case 0x28: // MARK
        this.#marks.push(this.#stack);
        this.#stack = [];
        break;
      case 0x30: // POP
        if (this.#stack.length > 0) this.#pop();
        else this.#sinceMark();
        break;
      case 0x31: // POP_MARK
        this.#sinceMark();
        break;
      case 0x32: // DUP
        this.#push(this.#top());
        break;
      case 0x4e:
        this.#push(null);
        break;
      case 0x88:
        this.#push(true);
        break;
      case 0x89:
        this.#push(false);
        break;
      case 0x49: {
        // INT; 00 and 01 are truth values
        const text = this.#line();
        this.#push(text === '00' ? false : text === '01' ? true : this.#whole(BigInt(this.#text(text, /^-?\d+$/, 'whole number'))));
        break;
      }
      case 0x4a:
        this.#push(view.getInt32(this.#take(4), true));
        break;
      case 0x4b:
        this.#push(this.#bytes[this.#take(1)]);
        break;
      case 0x4d:
        this.#push(view.getUint16(this.#take(2), true));
        break;
      case 0x4c: // LONG
        this.#push(this.#whole(BigInt(this.#text(this.#line().replace(/L$/, ''), /^-?\d+$/, 'whole number'))));
        break;
      case 0x8a: // LONG1
        this.#push(this.#long(this.#raw(this.#bytes[this.#take(1)])));
        break;
      case 0x8b: {
        // LONG4
        const n = view.getInt32(this.#take(4), true);
        if (n < 0) this.#fail('a whole number of negative length');
        this.#push(this.#long(this.#raw(n)));
        break;
      }
      case 0x46: // FLOAT
        this.#push(pythonFloat(this.#text(this.#line(), /^[-+]?(inf|nan|[\d.]+(e[-+]?\d+)?)$/i, 'number')));
        break;
      case 0x47: // BINFLOAT
        this.#push(view.getFloat64(this.#take(8), false));
        break;
      case 0x55: // SHORT_BINSTRING
        this.#push(this.#utf8(this.#raw(this.#bytes[this.#take(1)])));
        break;
      case 0x54: // BINSTRING
      case 0x58: // BINUNICODE
        this.#push(this.#utf8(this.#raw(view.getUint32(this.#take(4), true))));
        break;
      case 0x8c: // SHORT_BINUNICODE
        this.#push(this.#utf8(this.#raw(this.#bytes[this.#take(1)])));
        break;
      case 0x8d: // BINUNICODE8
        this.#push(this.#utf8(this.#raw(this.#length8())));
        break;
      case 0x53: // STRING
        this.#push(this.#text(this.#line(), /^(['"]).*\1$/, 'text').slice(1, -1));
        break;
      case 0x56: // UNICODE
        this.#push(this.#line());
        break;
      case 0x43: // SHORT_BINBYTES
        this.#push(new Uint8Array(this.#raw(this.#bytes[this.#take(1)])));
        break;
      case 0x42: // BINBYTES
        this.#push(new Uint8Array(this.#raw(view.getUint32(this.#take(4), true))));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        this.#push(new Uint8Array(this.#raw(this.#length8())));
        break;
      default:
        this.#stepContainer(code);
    }
  }

  #stepContainer(code: number): void {
    const view = this.#view;
    switch (code) {
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        this.#push([]);
        break;
      case 0x6c: // LIST
      case 0x74: // TUPLE
        this.#push(this.#sinceMark());
        break;
      case 0x85:
      case 0x86:
      case 0x87: {
        const items: unknown[] = [];
        for (let i = 0x84; i < code; i++) items.unshift(this.#pop());
        this.#push(items);
        break;
      }
      case 0x61: {
        const item = this.#pop();
        this.#append(this.#top(), [item]);
        break;
      }
      case 0x65: {
        const items = this.#sinceMark();
        this.#append(this.#top(), items);
        break;
      }
      case 0x7d: // EMPTY_DICT
        this.#push(new Map());
        break;
      case 0x64: {
        // DICT
        const items = this.#sinceMark();
        this.#push(new Map());
        this.#addItems(this.#top(), items);
        break;
      }
      case 0x73: {
        const value = this.#pop();
        const key = this.#pop();
        this.#addItems(this.#top(), [key, value]);
        break;
      }
      case 0x75: {
        const items = this.#sinceMark();
        this.#addItems(this.#top(), items);
        break;
      }
      case 0x8f: // EMPTY_SET
        this.#push(new Set());
        break;
      case 0x90: {
        const items = this.#sinceMark();
        const set = this.#top();
        if (!(set instanceof Set)) this.#fail('items are given to something that is no set');
        for (const item of items) set.add(item);
        break;
      }
      case 0x91: // FROZENSET
        this.#push(new Set(this.#sinceMark()));
        break;
      case 0x70: // PUT
        this.#put(Number(this.#text(this.#line(), /^\d{1,9}$/, 'memory cell')));
        break;
      case 0x71:
        this.#put(this.#bytes[this.#take(1)]);
        break;
      case 0x72:
        this.#put(view.getUint32(this.#take(4), true));
        break;
      case 0x94: // MEMOIZE
        this.#put(this.#memo.size);
        break;
      case 0x67: // GET
        this.#get(Number(this.#text(this.#line(), /^\d{1,9}$/, 'memory cell')));
        break;
      case 0x68:
        this.#get(this.#bytes[this.#take(1)]);
        break;
      case 0x6a:
        this.#get(view.getUint32(this.#take(4), true));
        break;
      case 0x63: // GLOBAL
        this.#global(`${this.#line()}.${this.#line()}`);
        break;
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop();
        const module = this.#pop();
        if (typeof name !== 'string' || typeof module !== 'string') this.#fail('a name is no text');
        this.#global(`${module}.${name}`);
        break;
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ: a class called with arguments, which is the same for the few classes that are known
        const args = this.#pop();
        this.#call(this.#pop(), args);
        break;
      }
      case 0x62: {
        // BUILD sets attributes; an ordered dictionary of PyTorch's carries a note on versions there, which nothing needs
        this.#pop();
        if (!(this.#top() instanceof Map)) this.#fail('attributes are given to something that has none');
        break;
      }
      case 0x51: // BINPERSID
        this.#push(this.#world.persistent(this.#pop()));
        break;
      case 0x50: // PERSID
        this.#push(this.#world.persistent(this.#line()));
        break;
      default:
        this.#fail(`the opcode 0x${code.toString(16).padStart(2, '0')} is unknown or not supported`);
    }
  }
}

const latin1 = (raw: Uint8Array): string => new TextDecoder('latin1').decode(raw);

function pythonFloat(text: string): number {
  const name = text.toLowerCase().replace('+', '');
  return name === 'nan' || name === '-nan' ? Number.NaN : Number(name.replace('inf', 'Infinity'));
}
