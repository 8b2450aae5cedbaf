// Hostile files: hundreds of seeded mutations of every format. Each gives a typed error or loads; none crashes, hangs, takes memory that the
// size of the file does not justify, or writes outside its folder.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, strToU8, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extractArchive, parseIdx } from '../../src/data/index.ts';
import { FathomError, Generator, manualSeed, memory, randint, randn, resetPeakMemory, tensor, to } from '../../src/index.ts';
import { crc32 } from '../../src/io/crc32.ts';
import {
  decodeNpy,
  decodeNpz,
  decodeTorch,
  encodeNpy,
  encodeTorch,
  tensorsFromSafetensors,
  tensorsToNpz,
  tensorsToSafetensors,
} from '../../src/io/index.ts';
import { joinPieces, openZip, zipPieces } from '../../src/io/zip.ts';
import { uniform } from '../../src/runtime/random.ts';
import { decodeImage, encodeImage } from '../../src/vision/index.ts';

const perFormat = 60;
// What a decoder may take for each byte of the file: copies and widening; formats with deflate may expand 1032 times.
const plainFactor = 32;
const deflateFactor = 32 * 1032;
const slack = 2 ** 20;

type Bytes = Uint8Array<ArrayBuffer>;

/** One of many ways to damage a file. */
function mutate(original: Uint8Array, g: Generator): Bytes {
  const below = (n: number): number => Math.floor(uniform(g) * n);
  const bytes = new Uint8Array(original);
  // Half of the damage goes to the ends of the file, where headers and directories are.
  const place = (size: number): number => {
    const ends = Math.min(size, 200);
    const r = uniform(g);
    return r < 0.35 ? below(ends) : r < 0.5 ? size - 1 - below(ends) : below(size);
  };
  const view = new DataView(bytes.buffer);
  switch (below(8)) {
    case 0:
      return bytes.slice(0, below(bytes.length));
    case 1:
      for (let i = 1 + below(4); i > 0; i--) bytes[place(bytes.length)] ^= 1 << below(8);
      return bytes;
    case 2:
      for (let i = 1 + below(8); i > 0; i--) bytes[place(bytes.length)] = below(256);
      return bytes;
    case 3: {
      const at = Math.min(place(bytes.length), bytes.length - 4);
      if (at >= 0) view.setUint32(at, [0xffffffff, 0x7fffffff, 0x80000000, 0x10000000][below(4)], below(2) === 0);
      return bytes;
    }
    case 4: {
      const at = Math.min(place(bytes.length), bytes.length - 8);
      if (at >= 0) view.setBigUint64(at, [2n ** 64n - 1n, 2n ** 63n - 1n, 2n ** 53n, 2n ** 32n][below(4)], below(2) === 0);
      return bytes;
    }
    case 5: {
      const at = place(bytes.length);
      const cut = below(40);
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + cut)]);
    }
    case 6: {
      const [at, from] = [place(bytes.length), place(bytes.length)];
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(from, from + below(300)), ...bytes.subarray(at)]);
    }
    default: {
      const at = place(bytes.length);
      bytes.fill(below(2) * 255, at, at + below(64));
      return bytes;
    }
  }
}

/** Puts right checksums into a PNG file, so that damage reaches what lies behind them. */
function withPngChecksums(bytes: Bytes): Bytes {
  const view = new DataView(bytes.buffer);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    if (length > bytes.length - at - 12) break;
    view.setUint32(at + 8 + length, crc32(bytes.subarray(at + 4, at + 8 + length)));
    at += 12 + length;
  }
  return bytes;
}

/** The archive anew with one entry damaged and right checksums. */
function withDamagedEntry(bytes: Uint8Array, name: string, g: Generator): Bytes {
  const zip = openZip(bytes);
  return joinPieces(zipPieces(zip.entries.map((e) => ({ name: e.name, data: e.name === name ? mutate(zip.read(e), g) : zip.read(e) }))));
}

/** Counts the bytes of typed arrays that are made while `fn` runs. */
async function allocated(fn: () => unknown): Promise<number> {
  let total = 0;
  const names = ['ArrayBuffer', 'Uint8Array', 'Uint16Array', 'Int32Array', 'Float32Array', 'Float64Array', 'BigInt64Array'] as const;
  const originals = names.map((n) => globalThis[n]);
  names.forEach((name, i) => {
    const size = name === 'ArrayBuffer' ? 1 : (originals[i] as Uint8ArrayConstructor).BYTES_PER_ELEMENT;
    const counting: object = new Proxy(originals[i], {
      construct(target, args: unknown[], newTarget): object {
        if (typeof args[0] === 'number') total += args[0] * size;
        else if (ArrayBuffer.isView(args[0])) total += (args[0] as Uint8Array).length * size;
        return Reflect.construct(target, args, newTarget === counting ? target : newTarget) as object;
      },
    });
    Object.assign(globalThis, { [name]: counting });
  });
  try {
    await fn();
  } finally {
    names.forEach((name, i) => {
      Object.assign(globalThis, { [name]: originals[i] });
    });
  }
  return total;
}

interface Format {
  name: string;
  /** Whole files to damage. */
  make(): Promise<Uint8Array[]> | Uint8Array[];
  damage?(file: Uint8Array, g: Generator): Bytes;
  load(bytes: Uint8Array): unknown;
  factor: number;
}

const fixture = async (name: string): Promise<Uint8Array> => await readFile(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url)));
const state = (): Record<string, ReturnType<typeof tensor>> => ({
  'layers.0.weight': randn([4, 3]),
  'layers.0.bias': randn([4]),
  half: to(randn([5]), 'float16'),
  flags: tensor([true, false]),
  count: tensor(3),
});
const image = (): ReturnType<typeof tensor> => randint(0, 256, [3, 20, 17], { dtype: 'uint8' });
const idx = (): Uint8Array => Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 5, ...new Array<number>(100).fill(7)]);

const formats: Format[] = [
  {
    name: 'safetensors',
    make: () => [tensorsToSafetensors(state(), { metadata: { format: 'pt' } })],
    load: (b) => tensorsFromSafetensors(b),
    factor: plainFactor,
  },
  {
    name: 'npy',
    make: async () => [
      encodeNpy({ dtype: 'float32', shape: [4, 5], data: new Float32Array(20) }),
      await fixture('fortran.npy'),
      await fixture('version3.npy'),
    ],
    load: (b) => decodeNpy(b),
    factor: plainFactor,
  },
  {
    name: 'npz',
    make: () => {
      const { half: _, ...rest } = state();
      return [tensorsToNpz(rest), tensorsToNpz(rest, { compress: true })];
    },
    load: (b) => decodeNpz(b),
    factor: deflateFactor,
  },
  {
    name: 'npz with right checksums',
    make: () => [tensorsToNpz(state())],
    damage: (file, g) => withDamagedEntry(file, 'layers.0.weight.npy', g),
    load: (b) => decodeNpz(b),
    factor: plainFactor,
  },
  { name: 'pt', make: async () => [encodeTorch(state()), await fixture('new.pt')], load: (b) => decodeTorch(b), factor: plainFactor },
  {
    name: 'pt with right checksums',
    make: () => [encodeTorch(state())],
    damage: (file, g) => withDamagedEntry(file, 'archive/data.pkl', g),
    load: (b) => decodeTorch(b),
    factor: plainFactor,
  },
  { name: 'old pt', make: async () => [await fixture('old.pt')], load: (b) => decodeTorch(b), factor: plainFactor },
  { name: 'png', make: async () => [await encodeImage(image())], load: async (b) => await decodeImage(b), factor: deflateFactor },
  {
    name: 'png with right checksums',
    make: async () => [await encodeImage(image()), await encodeImage(image().slice(0, 0, 1))],
    damage: (file, g) => withPngChecksums(mutate(file, g)),
    load: async (b) => await decodeImage(b),
    factor: deflateFactor,
  },
  {
    name: 'jpg',
    make: async () => [await encodeImage(image(), { format: 'jpeg' })],
    load: async (b) => await decodeImage(b),
    factor: 32 * 512,
  },
  { name: 'idx', make: () => [idx(), gzipSync(idx())], load: (b) => parseIdx(b), factor: deflateFactor },
];

describe.each(formats)('$name', ({ make, damage = mutate, load, factor }) => {
  it(`${perFormat} damaged files: a typed error or a load each, in time and in proportion`, async () => {
    manualSeed(5);
    const files = await make();
    for (const file of files) await load(file); // undamaged they load
    const g = new Generator(2026);
    let refused = 0;
    for (let i = 0; i < perFormat; i++) {
      const bytes = damage(files[i % files.length], g);
      resetPeakMemory();
      const device = memory().live;
      const begin = performance.now();
      const host = await allocated(async () => {
        try {
          await load(bytes);
        } catch (error) {
          if (!(error instanceof FathomError)) throw new Error(`file ${i} gave an error without a type`, { cause: error });
          expect(error.message).not.toContain('\n');
          refused++;
        }
      });
      expect(performance.now() - begin).toBeLessThan(5000);
      expect(host).toBeLessThan(factor * bytes.length + slack);
      expect(memory().peak - device).toBeLessThan(factor * bytes.length + slack);
    }
    expect(refused).toBeGreaterThan(perFormat / 4);
  });
});

describe('archives', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fathom-hostile-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** A tar archive of one file with any name. */
  const tar = (name: string): Uint8Array => {
    const out = new Uint8Array(2048);
    out.set(strToU8(name));
    out.set(strToU8('00000000005\0'), 124);
    out.set(strToU8('0ustar\x0000'), 156);
    out.set(strToU8('hello'), 512);
    const sum = out.subarray(0, 512).reduce((a, b) => a + b, 0) + 8 * 32;
    out.set(strToU8(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
    return out;
  };

  it(`${perFormat} damaged archives and all kinds of paths write nothing outside the folder`, async () => {
    const paths = [
      '../x',
      'a/../../x',
      '/x',
      '//x',
      './../x',
      'a/./../../x',
      '..',
      '.',
      'C:\\x',
      '..\\x',
      'a\\..\\..\\x',
      '',
      'a/..',
      '....//x',
      '\u2025/x',
    ];
    const good = [zipSync({ 'a/b.txt': strToU8('hello'), 'c.txt': strToU8('x'.repeat(500)) }), tar('a/b.txt'), gzipSync(tar('a/b.txt'))];
    const g = new Generator(1);
    const damaged = Array.from({ length: perFormat }, (_, i) => mutate(good[i % good.length], g));
    const named = paths.flatMap((p) => (p === '' ? [] : [zipSync({ [p]: strToU8('x') }), tar(p), gzipSync(tar(p))]));
    const target = join(folder, 'deep', 'target');
    for (const bytes of [...good, ...damaged, ...named]) {
      try {
        await extractArchive(bytes, target);
      } catch (error) {
        if (!(error instanceof FathomError)) throw new Error('an error without a type', { cause: error });
      }
    }
    expect(await readdir(folder)).toEqual(['deep']);
    expect(await readdir(join(folder, 'deep'))).toEqual(['target']);
    expect(await readdir('/')).not.toContain('x');
  });
});
