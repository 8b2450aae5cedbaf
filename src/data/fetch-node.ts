// Data files in Node: FATHOM_DATA and the cache are folders; a download goes into a .part file that a later run resumes.

import { causeOf, codeOf, SaveError } from '../io/errors.ts';
import { readFileBytes } from '../io/files.ts';
import { nodeModule } from '../io/node-modules.ts';
import { hashFile, strongest } from './checksum.ts';
import { DataError } from './errors.ts';
import { type DataFile, defaultTimeout, HttpError, type ResolvedFile, type ResolveOptions, stallTimer, whyFailed } from './fetch.ts';

const found = (source: ResolvedFile['source'], path: string): ResolvedFile => ({ source, path, read: () => readFileBytes(path) });

/** The cache folder: FATHOM_CACHE, or `fathom` in the user's cache folder (XDG_CACHE_HOME, LOCALAPPDATA, ~/.cache). */
export async function cacheFolder(): Promise<string> {
  const { join } = await nodeModule('node:path', 'the data cache');
  const { homedir } = await nodeModule('node:os', 'the data cache');
  const own = process.env.FATHOM_CACHE;
  if (own) return own;
  const base = process.env.XDG_CACHE_HOME || (process.platform === 'win32' && process.env.LOCALAPPDATA) || join(homedir(), '.cache');
  return join(base, 'fathom');
}

/** See resolveFile. */
export async function resolveInNode(file: DataFile, options: ResolveOptions): Promise<ResolvedFile> {
  const fs = await nodeModule('node:fs/promises', 'finding data files');
  const { join } = await nodeModule('node:path', 'finding data files');
  const isFile = async (path: string): Promise<boolean> => (await fs.stat(path).catch(() => undefined))?.isFile() ?? false;
  const name = `${file.dataset}/${file.file}`;
  const tried: string[] = [];

  const root = options.root || process.env.FATHOM_DATA;
  const rootName = options.root ? 'root' : 'FATHOM_DATA';
  if (root) {
    if (!(await fs.stat(root).catch(() => undefined))?.isDirectory()) {
      throw new DataError(
        'folder',
        `${rootName} is '${root}', which is not a folder; set it to the folder that holds ${name}, or unset it to use the cache`,
      );
    }
    const path = join(root, file.dataset, file.file);
    if (await isFile(path)) {
      const wrong = await mismatch(path, file);
      if (wrong !== undefined)
        throw new DataError('checksum', `${path}: ${wrong}; replace it with the published file, or unset ${rootName} to download one`);
      return found(rootName, path);
    }
    tried.push(`not in ${rootName}`);
  }

  const target = join(options.cache ?? (await cacheFolder()), file.dataset, file.file);
  if (await isFile(target)) {
    const wrong = await mismatch(target, file);
    if (wrong === undefined) return found('cache', target);
    await fs.rm(target, { force: true }).catch(() => undefined);
    tried.push(`the cached copy was damaged and removed (${wrong})`);
  } else tried.push('not in the cache');

  const offline = options.download === undefined ? !['', '0', undefined].includes(process.env.FATHOM_OFFLINE) : !options.download;
  if (offline) tried.push('downloads are switched off');
  else if (file.urls.length === 0) tried.push('it has no address to download it from');
  else {
    const failures = await shared(target, () => download(file, target, options));
    if (failures === undefined) return found('download', target);
    tried.push(`download failed: ${failures.join(', ')}`);
  }
  throw new DataError(
    'missing',
    `${name}: no copy found: ${tried.join('; ')}; connect to the network and run again, or put the file at ${root ? join(root, file.dataset, file.file) : target}`,
  );
}

/** What is wrong with a file, or undefined when size and checksum are the published ones. */
async function mismatch(path: string, file: DataFile): Promise<string | undefined> {
  const { stat } = await nodeModule('node:fs/promises', 'checking data files');
  const { size } = await stat(path);
  if (file.bytes !== undefined && size !== file.bytes)
    return `it ${size < file.bytes ? 'is truncated: it ' : ''}has ${size} bytes, the published file has ${file.bytes}`;
  const sum = strongest(file);
  if (sum === undefined) return undefined;
  const got = await hashFile(path, sum.algorithm);
  return got === sum.expected ? undefined : `its ${sum.algorithm} is ${got}, the published one is ${sum.expected}`;
}

// Two loaders that ask for one file at a time share one download.
const running = new Map<string, Promise<string[] | undefined>>();

function shared(target: string, start: () => Promise<string[] | undefined>): Promise<string[] | undefined> {
  let promise = running.get(target);
  if (promise === undefined) {
    promise = start().finally(() => running.delete(target));
    running.set(target, promise);
  }
  return promise;
}

// Hosts that could not be reached a moment ago are not asked again for each file of a data set.
const unreachable = new Map<string, { until: number; why: string }>();
const unreachableFor = 5_000;

/** Downloads into the cache; undefined on success, else one line for each source. */
async function download(file: DataFile, target: string, options: ResolveOptions): Promise<string[] | undefined> {
  const fs = await nodeModule('node:fs/promises', 'downloading');
  const failures: string[] = [];
  // Without a checksum nobody would notice that a resumed file was pieced together from two versions.
  const resumable = strongest(file) !== undefined;
  const part = resumable ? `${target}.part` : `${target}.${process.pid}.part`;
  for (const url of file.urls) {
    const { host } = new URL(url);
    const blocked = unreachable.get(host);
    if (blocked !== undefined && blocked.until > Date.now()) {
      failures.push(`${host} (${blocked.why})`);
      continue;
    }
    let why = '';
    for (let attempt = 0; attempt <= (options.retries ?? 1); attempt++) {
      if (attempt > 0) await new Promise((done) => setTimeout(done, 300 * attempt));
      try {
        await fetchInto(part, url, file, options);
        const wrong = await mismatch(part, file);
        if (wrong !== undefined) {
          await fs.rm(part, { force: true });
          why = wrong;
          continue;
        }
        await fs.rename(part, target);
        return undefined;
      } catch (error) {
        if (options.signal?.aborted) throw options.signal.reason;
        if (!resumable) await fs.rm(part, { force: true }).catch(() => undefined);
        if (codeOf(error) !== undefined && error instanceof Error && 'syscall' in error) {
          throw new SaveError(`could not write ${part}: ${causeOf(error)}`, part, { cause: error });
        }
        why = whyFailed(error);
        if (error instanceof HttpError && !error.passing) break;
        if (error instanceof Unanswered && attempt >= (options.retries ?? 1))
          unreachable.set(host, { until: Date.now() + unreachableFor, why });
      }
    }
    failures.push(`${host} (${why})`);
  }
  return failures;
}

/** The host gave no answer at all. */
class Unanswered extends Error {
  override name = 'Unanswered';
}

/** Fetches into `part`, appending to what an earlier run left there. Throws when it ends early or becomes longer than it should. */
async function fetchInto(
  part: string,
  url: string,
  file: DataFile,
  { onProgress, timeout = defaultTimeout, signal }: ResolveOptions,
): Promise<void> {
  const fs = await nodeModule('node:fs/promises', 'downloading');
  const { dirname } = await nodeModule('node:path', 'downloading');
  let have = strongest(file) === undefined ? 0 : ((await fs.stat(part).catch(() => undefined))?.size ?? 0);
  if (file.bytes !== undefined && have === file.bytes) return;
  if (file.bytes !== undefined && have > file.bytes) have = 0;
  const timer = stallTimer(timeout, signal);
  try {
    // identity: a compressed transfer would make lengths and ranges count other bytes than the file's.
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (have > 0) headers.range = `bytes=${have}-`;
    const response = await fetch(url, { headers, signal: timer.signal }).catch((error: unknown) => {
      throw new Unanswered(timer.signal.aborted ? whyFailed(timer.signal.reason) : whyFailed(error), { cause: error });
    });
    timer.touch();
    if (response.status === 416) await fs.rm(part, { force: true });
    if (!response.ok || response.body === null) throw new HttpError(response.status === 416 ? 503 : response.status);
    const resumes = response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${have}-`) === true;
    if (response.status === 206 && !resumes) {
      await fs.rm(part, { force: true });
      throw new HttpError(503);
    }
    if (!resumes) have = 0;
    const rest = Number(response.headers.get('content-length') ?? Number.NaN);
    const announced = Number.isFinite(rest) && response.headers.get('content-encoding') === null ? have + rest : undefined;
    const total = file.bytes ?? announced;
    await fs.mkdir(dirname(part), { recursive: true });
    const handle = await fs.open(part, resumes ? 'a' : 'w');
    let received = have;
    try {
      onProgress?.({ dataset: file.dataset, file: file.file, url, received, total });
      for await (const chunk of response.body) {
        timer.touch();
        received += chunk.byteLength;
        if (file.bytes !== undefined && received > file.bytes)
          throw new Error(`the server sent more than the ${file.bytes} bytes of the published file`);
        for (let at = 0; at < chunk.byteLength; ) at += (await handle.write(chunk, at)).bytesWritten;
        onProgress?.({ dataset: file.dataset, file: file.file, url, received, total });
      }
      await handle.sync();
    } catch (error) {
      throw timer.signal.aborted && timer.signal.reason instanceof Error ? timer.signal.reason : error;
    } finally {
      await handle.close();
    }
    if (total !== undefined && received < total) throw new Error(`the connection ended after ${received} of ${total} bytes`);
  } finally {
    timer.stop();
  }
}
