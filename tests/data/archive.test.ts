// Archives of data sets: zip, tar and tar.gz with checked paths, real ones, and archives that attack.

import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, strToU8, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extractArchive, openArchive } from '../../src/data/index.ts';
import { FormatError } from '../../src/io/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fathom-archive-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** One member of a tar archive. */
function member(name: string, contents: string, { type = '0', size = strToU8(contents).length } = {}): Uint8Array {
  const out = new Uint8Array(512 + Math.ceil(contents.length / 512) * 512);
  const put = (at: number, s: string): void => out.set(strToU8(s), at);
  put(0, name);
  put(100, '0000644\0');
  put(124, `${size.toString(8).padStart(11, '0')}\0`);
  put(148, '        ');
  put(156, type);
  put(257, 'ustar\x0000');
  put(
    148,
    `${out
      .subarray(0, 512)
      .reduce((a, b) => a + b, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
  );
  put(512, contents);
  return out;
}
const tar = (...members: Uint8Array[]): Uint8Array => Uint8Array.from([...members.flatMap((m) => [...m]), ...new Uint8Array(1024)]);
const names = (bytes: Uint8Array): string[] => openArchive(bytes, 'a').map((f) => f.name);

describe('openArchive', () => {
  it('lists zip, tar and tar.gz without folders and links', () => {
    const t = tar(
      member('d/', '', { type: '5' }),
      member('./d/a.txt', 'one'),
      member('link', '', { type: '2' }),
      member('ignored', 'long/'.padEnd(120, 'x'), { type: 'L' }),
      member('short', 'two'),
      member('pax', '20 path=p/café.txt\n', { type: 'x' }),
      member('other', 'three'),
    );
    const want = ['d/a.txt', 'long/'.padEnd(120, 'x'), 'p/café.txt'];
    expect(names(t)).toEqual(want);
    expect(names(gzipSync(t))).toEqual(want);
    expect(openArchive(t).map((f) => new TextDecoder().decode(f.read()))).toEqual(['one', 'two', 'three']);
    expect(names(zipSync({ 'd/a.txt': strToU8('one'), 'e/': new Uint8Array(0) }))).toEqual(['d/a.txt']);
  });

  it.each(['../a', 'd/../../a', '/etc/a', 'C:/a', '..\\a', 'a\0b'])('a path such as %j is refused', (name) => {
    expect(() => openArchive(zipSync({ [name]: strToU8('x') }), 'a')).toThrow(FormatError);
    if (!name.includes('\0')) expect(() => openArchive(tar(member(name, 'x')), 'a')).toThrow(/do not trust this archive/);
  });

  it('a bomb is refused before it is expanded', () => {
    const zeros = new Uint8Array(2 ** 21);
    expect(() => openArchive(zipSync({ a: zeros }), 'a', { maxBytes: 2 ** 20 })).toThrow(/expands to 2\.0 MiB, the limit is 1\.0 MiB/);
    expect(() => openArchive(gzipSync(zeros), 'a', { maxBytes: 2 ** 20 })).toThrow(/expands to 2\.0 MiB/);
    expect(openArchive(zipSync({ a: zeros }), 'a')).toHaveLength(1);
    // Without a limit of one's own: what no honest data set expands to.
    const claims = gzipSync(zeros);
    new DataView(claims.buffer).setUint32(claims.length - 4, 2 ** 30, true);
    expect(() => openArchive(claims, 'a')).toThrow(/expands to 1024\.0 MiB/);
  });

  it('a damaged tar archive is a FormatError', () => {
    const good = member('a', 'x');
    const bad = good.slice();
    bad[3] = 7;
    expect(() => names(tar(bad))).toThrow(/checksum/);
    expect(() => names(good.subarray(0, 700))).toThrow(FormatError);
    expect(() => names(tar(member('a', 'x', { size: 2 ** 30 })))).toThrow(/the archive ends at/);
    expect(() => names(new Uint8Array(0))).toThrow(FormatError);
    expect(() => names(strToU8('text'))).toThrow(FormatError);
    expect(() => names(tar(member('a', '1'), member('a', '2')))).toThrow(/two members are named 'a'/);
  });
});

describe('extractArchive', () => {
  it('writes the files, and only those that the filter takes', async () => {
    const target = join(folder, 'plain');
    const zip = zipSync({ 'd/a.txt': strToU8('one'), 'b.txt': strToU8('two') });
    expect(await extractArchive(zip, target)).toEqual(['d/a.txt', 'b.txt']);
    expect(await readFile(join(target, 'd', 'a.txt'), 'utf8')).toBe('one');
    expect(await extractArchive(zip, join(folder, 'part'), { filter: (n) => n === 'b.txt' })).toEqual(['b.txt']);
    expect(await readdir(join(folder, 'part'))).toEqual(['b.txt']);
  });

  it('does not write through links that lie in the folder', async () => {
    const target = join(folder, 'linked');
    const outside = await mkdtemp(join(folder, 'outside-'));
    await extractArchive(zipSync({ 'x.txt': strToU8('x') }), target);
    await symlink(outside, join(target, 'd'));
    await symlink(join(outside, 'y.txt'), join(target, 'y.txt'));
    await expect(extractArchive(zipSync({ 'd/a.txt': strToU8('one') }), target)).rejects.toThrow(/is a link that leads out of/);
    await extractArchive(zipSync({ 'y.txt': strToU8('two') }), target);
    expect(await readdir(outside)).toEqual([]);
    expect(await readFile(join(target, 'y.txt'), 'utf8')).toBe('two');
  });
});

const data = process.env['FATHOM_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
const real = existsSync(join(data, 'fra-eng', 'fra-eng.zip'));
if (!real) console.warn('SKIPPED: real archives were not unpacked; set FATHOM_DATA');
describe.runIf(real)('archives of real data sets', () => {
  it('fra-eng.zip and aclImdb_8000.tar.gz', async () => {
    const target = join(folder, 'real');
    expect(await extractArchive(join(data, 'fra-eng', 'fra-eng.zip'), target)).toEqual(['fra-eng/fra.txt', 'fra-eng/_about.txt']);
    expect((await readFile(join(target, 'fra-eng', 'fra.txt'))).length).toBe(11_669_748);
    const reviews = openArchive(await readFile(join(data, 'imdb', 'aclImdb_8000.tar.gz')));
    expect(reviews.filter((f) => f.name.startsWith('aclImdb/train/pos/'))).toHaveLength(2000);
    expect(reviews).toHaveLength(8000);
  });
});
