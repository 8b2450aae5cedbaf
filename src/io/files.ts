// Writing a file so that it is either whole or untouched: a temporary file in the same folder, flushed to the disk, then renamed.
// Every file writer of the project goes through writeFileAtomic.

import type { FileHandle } from 'node:fs/promises';
import { causeOf, codeOf, LoadError, SaveError } from './errors.ts';
import { nodeModule } from './node-modules.ts';

/** What a file is made of: text (UTF-8), bytes, or pieces written one after another. */
export type FileContents = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Options of {@link writeFileAtomic}. */
export interface WriteOptions {
  /** Makes missing folders of the path first. Default false. */
  makeFolders?: boolean;
  /** Permission bits of a new file; an existing file keeps its own. */
  mode?: number;
}

let counter = 0;

/**
 * Writes a whole file under a temporary name beside it, flushes it and renames it into place, so that a reader sees the old
 * contents or the new ones and never a part. A symbolic link is followed.
 * Throws a SaveError of one line with path and cause; then the temporary file is gone and what was at `path` is as it was.
 */
export async function writeFileAtomic(
  path: string,
  contents: FileContents,
  { makeFolders = false, mode }: WriteOptions = {},
): Promise<void> {
  const fs = await nodeModule('node:fs/promises', `writing ${path}`);
  const paths = await nodeModule('node:path', `writing ${path}`);
  let temporary: string | undefined;
  let handle: FileHandle | undefined;
  try {
    if (makeFolders) await fs.mkdir(paths.dirname(path), { recursive: true });
    const target = await fs.realpath(path).catch(() => path);
    const before = await fs.stat(target).catch(() => undefined);
    if (before?.isDirectory()) throw Object.assign(new Error('is a folder'), { code: 'EISDIR' });
    // A name of its own length: a long file name would not leave room for a suffix.
    const name = paths.join(paths.dirname(target), `.fathom-${process.pid}-${Date.now().toString(36)}-${counter++}.tmp`);
    handle = await fs.open(name, 'wx', mode ?? 0o666);
    temporary = name;
    if (before !== undefined) await handle.chmod(before.mode & 0o7777);
    for await (const piece of piecesOf(contents)) await writeAll(handle, piece);
    await handle.sync();
    await handle.close();
    handle = undefined;
    await fs.rename(temporary, target);
    temporary = undefined;
    await syncFolder(fs, paths.dirname(target));
  } catch (error) {
    await handle?.close().catch(() => undefined);
    if (temporary !== undefined) await fs.rm(temporary, { force: true }).catch(() => undefined);
    if (codeOf(error) === undefined) throw error; // a mistake of the caller's iterable, not of the file system
    throw new SaveError(`could not write ${path}: ${causeOf(error)}`, path, { cause: error });
  }
}

const staleAfter = 10 * 60_000; // milliseconds without a write
const cleaned = new Set<string>();

/**
 * Removes the temporary files that killed processes left in a folder, once a process and folder: those that nobody has written to for ten
 * minutes and whose process is gone. Failures are no errors; the files are merely in the way.
 */
export async function removeStaleTemporaries(folder: string): Promise<void> {
  if (cleaned.has(folder)) return;
  cleaned.add(folder);
  const fs = await nodeModule('node:fs/promises', `writing into ${folder}`);
  const paths = await nodeModule('node:path', `writing into ${folder}`);
  for (const name of await fs.readdir(folder).catch(() => [])) {
    const pid = /^\.fathom-(\d+)-[0-9a-z]+-\d+\.tmp$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = paths.join(folder, name);
    const stat = await fs.stat(path).catch(() => undefined);
    if (stat !== undefined && Date.now() - stat.mtimeMs > staleAfter) await fs.rm(path, { force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // asks only
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

function piecesOf(contents: FileContents): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof contents === 'string') return [new TextEncoder().encode(contents)];
  return contents instanceof Uint8Array ? [contents] : contents;
}

async function writeAll(handle: FileHandle, piece: Uint8Array): Promise<void> {
  // Linux writes at most 2 GiB a call, and a nearly full disk may take only a part of what it was given.
  for (let at = 0; at < piece.byteLength; ) {
    const { bytesWritten } = await handle.write(piece, at, Math.min(piece.byteLength - at, 2 ** 30));
    if (bytesWritten === 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    at += bytesWritten;
  }
}

// The rename itself is safe after a power cut only when the folder is flushed; not every system can.
async function syncFolder(fs: typeof import('node:fs/promises'), folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close().catch(() => undefined);
}

/** Reads a whole file. Throws a LoadError of one line with path and cause. */
export async function readFileBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return await withFile(path, async (reader) => await reader.read(0, reader.size));
}

/** Random access to an open file. */
export interface FileReader {
  /** Bytes in the file. */
  readonly size: number;
  /** Reads `length` bytes from `offset`; fewer are an error (the file was cut while it was read). */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Opens a file, gives it to `fn` and closes it. Throws a LoadError of one line when the system refuses. */
export async function withFile<T>(path: string, fn: (reader: FileReader) => Promise<T>): Promise<T> {
  const fs = await nodeModule('node:fs/promises', `reading ${path}`);
  let handle: FileHandle | undefined;
  try {
    handle = await fs.open(path, 'r');
    const open = handle;
    const stat = await open.stat();
    if (stat.isDirectory()) throw Object.assign(new Error('is a folder'), { code: 'EISDIR' });
    const size = stat.size;
    const read = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
      if (offset + length > size)
        throw new LoadError(
          `could not read ${path}: it ends at byte ${size}, bytes up to ${offset + length} were expected; get the file again`,
          path,
        );
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const { bytesRead } = await open.read(bytes, at, Math.min(length - at, 2 ** 30), offset + at);
        if (bytesRead === 0)
          throw new LoadError(`could not read ${path}: it was cut to ${offset + at} bytes while it was read; try again`, path);
        at += bytesRead;
      }
      return bytes;
    };
    return await fn({ size, read });
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    throw new LoadError(`could not read ${path}: ${causeOf(error)}`, path, { cause: error });
  } finally {
    await handle?.close().catch(() => undefined);
  }
}
