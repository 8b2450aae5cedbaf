// Finds a data file: the folder FATHOM_DATA, then the cache, then a download that is checked, resumed and cached.
// The way there differs between Node and browsers (fetch-node.ts, fetch-browser.ts); this is their common face.

import { hasNode } from '../io/node-modules.ts';
import { ValueError } from '../runtime/errors.ts';
import type { Checksums } from './checksum.ts';

/** A published file of a data set. */
export interface DataFile extends Checksums {
  /** Folder of the data set under FATHOM_DATA and in the cache, for example `fashion-mnist`. */
  dataset: string;
  /** Name within that folder; may contain `/`. */
  file: string;
  /** Where it can be downloaded, best source first. Empty: it can only be found. */
  urls: readonly string[];
  /** Size in bytes, where it is known. */
  bytes?: number;
}

/** State of a download. */
export interface DownloadProgress {
  dataset: string;
  file: string;
  url: string;
  /** Bytes there so far, those of an earlier part included. */
  received: number;
  /** Bytes of the whole file; undefined when neither the list nor the server says. */
  total: number | undefined;
}

/** Options of {@link resolveFile}. */
export interface ResolveOptions {
  /** Folder to look in first in place of FATHOM_DATA (in browsers: a URL). */
  root?: string | undefined;
  /** Cache folder in place of FATHOM_CACHE (Node only). */
  cache?: string | undefined;
  /** Whether a download may be tried. Default: yes, unless FATHOM_OFFLINE is set to something but 0. */
  download?: boolean | undefined;
  /** Called as bytes arrive. */
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Milliseconds without a byte after which an attempt is given up. Default 20,000. */
  timeout?: number | undefined;
  /** Further attempts a source after the first. Default 1. */
  retries?: number | undefined;
  /** Stops a download. */
  signal?: AbortSignal | undefined;
}

/** A data file that was found. */
export interface ResolvedFile {
  /** Where it came from. `root` is the folder of the `root` option. */
  source: 'FATHOM_DATA' | 'root' | 'cache' | 'download';
  /** Path of the file (Node only). */
  path: string | undefined;
  /** Reads the whole file. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Finds a data file, downloading it into the cache when it is neither in FATHOM_DATA nor there. What is found is checked against
 * its checksum every time. Throws a DataError of one line: `folder` when FATHOM_DATA names no folder, `checksum` when a file
 * has other bytes than the published ones, `missing` when no copy can be had; a SaveError when the cache cannot be written.
 */
export async function resolveFile(file: DataFile, options: ResolveOptions = {}): Promise<ResolvedFile> {
  for (const name of [file.dataset, ...file.file.split('/')]) {
    if (name === '' || name === '.' || name === '..' || /[\\/:\0]/.test(name))
      throw new ValueError(`resolveFile: '${file.dataset}/${file.file}' is no name of a data file; use a folder name and a path inside it`);
  }
  if (hasNode()) return await (await import('./fetch-node.ts')).resolveInNode(file, options);
  return await (await import('./fetch-browser.ts')).resolveInBrowser(file, options);
}

/** The default of the time limit, in milliseconds without a byte. */
export const defaultTimeout = 20_000;

/** One line on why a request failed. */
export function whyFailed(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined;
  return (code === undefined ? error.message : `${error.message}, ${code}`).replace(/\s*\n\s*/g, ' ');
}

/** A response of the server that is not the file. */
export class HttpError extends Error {
  override name = 'HttpError';
  /** Whether asking again may help. */
  readonly passing: boolean;

  constructor(status: number) {
    super(`HTTP status ${status}`);
    this.passing = status === 408 || status === 429 || status >= 500;
  }
}

/** An AbortSignal that fires when `touch` was not called for `ms` milliseconds, or with the caller's signal. */
export function stallTimer(ms: number, outer: AbortSignal | undefined): { signal: AbortSignal; touch(): void; stop(): void } {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(outer?.reason);
  if (outer?.aborted) onAbort();
  else outer?.addEventListener('abort', onAbort, { once: true });
  const fire = (): void => controller.abort(new Error(`no data for ${ms / 1000} s`));
  let timer = setTimeout(fire, ms);
  return {
    signal: controller.signal,
    touch() {
      clearTimeout(timer);
      timer = setTimeout(fire, ms);
    },
    stop() {
      clearTimeout(timer);
      outer?.removeEventListener('abort', onAbort);
    },
  };
}
