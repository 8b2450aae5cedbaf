// Unpacks the archives in which data sets are published: zip, tar and tar.gz. No member can leave the target folder, and a small
// archive cannot fill the disk.

import { FormatError } from '../io/errors.ts';
import { readFileBytes, writeFileAtomic } from '../io/files.ts';
import { nodeModule } from '../io/node-modules.ts';
import { readTar } from '../io/tar.ts';
import { isZip, openZip } from '../io/zip.ts';
import { gunzip, isGzip } from './gzip.ts';

/** A file in an archive. */
export interface ArchiveFile {
  /** Path within the archive, parts separated by `/`, without `.` and `..`. */
  name: string;
  /** Expands the contents. Throws a FormatError when they are damaged. */
  read(): Uint8Array;
}

/** Options of {@link openArchive} and {@link extractArchive}. */
export interface ArchiveOptions {
  /** Most bytes that all files together may take once expanded. Default: 64 MiB and 100 times the size of the archive. */
  maxBytes?: number;
}

/** Options of {@link extractArchive}. */
export interface ExtractOptions extends ArchiveOptions {
  /** Files to take. Default: all. */
  filter?: (name: string) => boolean;
}

const mib = (n: number): string => `${(n / 2 ** 20).toFixed(1)} MiB`;

/**
 * Lists the files of a zip, tar or tar.gz archive; links and folders are left out. `file` names it in errors. Throws a FormatError (or, for damaged
 * gzip, a DataError) when it is damaged, when a path is absolute or leads out of the archive, or when it expands to more than `maxBytes`.
 */
export function openArchive(bytes: Uint8Array, file = 'archive', { maxBytes }: ArchiveOptions = {}): ArchiveFile[] {
  const limit = maxBytes ?? 64 * 2 ** 20 + 100 * bytes.length;
  const tooMuch = (n: number): FormatError =>
    new FormatError(
      `${file}: the archive of ${mib(bytes.length)} expands to ${mib(n)}, the limit is ${mib(limit)}; if you trust it, pass a larger maxBytes`,
    );
  const seen = new Set<string>();
  const checked = (name: string): string => {
    const safe = safePath(name, file);
    if (seen.has(safe)) throw new FormatError(`${file}: bad archive: two members are named '${safe}'; get the file again`);
    seen.add(safe);
    return safe;
  };
  if (isZip(bytes)) {
    const zip = openZip(bytes, file);
    const total = zip.entries.reduce((n, e) => n + e.size, 0);
    if (total > limit) throw tooMuch(total);
    return zip.entries.flatMap((e) => {
      const name = checked(e.name);
      return e.isFolder || e.isLink ? [] : [{ name, read: () => zip.read(e) }];
    });
  }
  if (isGzip(bytes) && bytes.length >= 18) {
    const claimed = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0, true);
    if (claimed > limit) throw tooMuch(claimed);
  }
  const plain = isGzip(bytes) ? gunzip(bytes, file) : bytes;
  return readTar(plain, file).flatMap(({ name, kind, data }) => {
    if (kind === 'folder') {
      safePath(name, file);
      return [];
    }
    const safe = checked(name);
    return kind === 'file' ? [{ name: safe, read: () => data }] : [];
  });
}

/** A member's path without `.` parts; FormatError when it could lie anywhere but below the target folder. */
function safePath(name: string, file: string): string {
  const refuse = (why: string): never => {
    throw new FormatError(`${file}: the member '${name.slice(0, 200)}' ${why}; nothing was unpacked, do not trust this archive`);
  };
  if (/[\0\\:]/.test(name)) refuse('has a character in its path that no data set needs');
  if (name.startsWith('/')) refuse('has an absolute path');
  const parts = name.split('/').filter((p) => p !== '' && p !== '.');
  if (parts.includes('..')) refuse('leads out of the target folder');
  if (parts.length === 0 && name.replaceAll(/[./]/g, '') !== '') refuse('has no name');
  return parts.join('/');
}

/**
 * Unpacks a zip, tar or tar.gz archive into a folder (made if missing) and gives the paths of the files, relative to it, in the order of
 * the archive. All names are checked before the first file is written; links are skipped; existing links in the folder are not followed out of it.
 * Throws a LoadError when the archive cannot be read, a FormatError when it is damaged or unsafe, a SaveError when a file cannot be written.
 */
export async function extractArchive(
  archive: string | Uint8Array,
  folder: string,
  { filter = () => true, ...options }: ExtractOptions = {},
): Promise<string[]> {
  const fs = await nodeModule('node:fs/promises', `unpacking into ${folder}`);
  const paths = await nodeModule('node:path', `unpacking into ${folder}`);
  const label = typeof archive === 'string' ? archive : 'archive';
  const bytes = typeof archive === 'string' ? await readFileBytes(archive) : archive;
  const files = openArchive(bytes, label, options).filter((f) => filter(f.name));
  await fs.mkdir(folder, { recursive: true });
  const root = await fs.realpath(folder);
  for (const { name, read } of files) {
    const target = paths.join(root, ...name.split('/'));
    const parent = paths.dirname(target);
    await fs.mkdir(parent, { recursive: true });
    const real = await fs.realpath(parent);
    if (real !== root && !real.startsWith(root + paths.sep))
      throw new FormatError(
        `${label}: the folder of '${name}' is a link that leads out of ${folder}; remove the link, or choose an empty folder`,
      );
    if (
      await fs.lstat(target).then(
        (s) => s.isSymbolicLink(),
        () => false,
      )
    )
      await fs.unlink(target);
    await writeFileAtomic(target, read());
  }
  return files.map((f) => f.name);
}
