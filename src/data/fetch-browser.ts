// Data files in a browser: an own URL as root, then the Cache API, then a download that is checked and cached.

import { hashBytes, strongest } from './checksum.ts';
import { DataError } from './errors.ts';
import { type DataFile, defaultTimeout, HttpError, type ResolvedFile, type ResolveOptions, stallTimer, whyFailed } from './fetch.ts';

const cacheName = 'fathom-data';

/** See resolveFile. */
export async function resolveInBrowser(file: DataFile, options: ResolveOptions): Promise<ResolvedFile> {
  const name = `${file.dataset}/${file.file}`;
  const tried: string[] = [];
  const found = (source: ResolvedFile['source'], bytes: Uint8Array<ArrayBuffer>): ResolvedFile => ({
    source,
    path: undefined,
    read: async () => bytes,
  });

  if (options.root !== undefined) {
    const url = `${options.root.replace(/\/$/, '')}/${name}`;
    try {
      const bytes = await fetchBytes(url, file, options);
      const wrong = await mismatch(bytes, file);
      if (wrong !== undefined) throw new DataError('checksum', `${url}: ${wrong}; replace it with the published file`);
      return found('root', bytes);
    } catch (error) {
      if (error instanceof DataError || options.signal?.aborted) throw error;
      tried.push(`not at ${url} (${whyFailed(error)})`);
    }
  }

  // The Cache API exists on pages served by HTTPS or from localhost only.
  const cache = await globalThis.caches?.open(cacheName).catch(() => undefined);
  for (const url of file.urls) {
    const kept = await cache?.match(url);
    if (kept === undefined) continue;
    const bytes = new Uint8Array(await kept.arrayBuffer());
    if ((await mismatch(bytes, file)) === undefined) return found('cache', bytes);
    await cache?.delete(url);
    tried.push('the cached copy was damaged and removed');
  }

  if (options.download === false) tried.push('downloads are switched off');
  for (const url of options.download === false ? [] : file.urls) {
    let why = '';
    for (let attempt = 0; attempt <= (options.retries ?? 1); attempt++) {
      try {
        const bytes = await fetchBytes(url, file, options);
        const wrong = await mismatch(bytes, file);
        if (wrong === undefined) {
          // A full quota must not cost the user the data that is already here.
          await cache?.put(url, new Response(bytes)).catch(() => undefined);
          return found('download', bytes);
        }
        why = wrong;
      } catch (error) {
        if (options.signal?.aborted) throw options.signal.reason;
        why = whyFailed(error);
        if (error instanceof HttpError && !error.passing) break;
      }
    }
    tried.push(`download from ${new URL(url).host} failed (${why})`);
  }
  throw new DataError(
    'missing',
    `${name}: no copy found: ${tried.join('; ') || 'it has no address to download it from'}; connect to the network and try again`,
  );
}

async function mismatch(bytes: Uint8Array<ArrayBuffer>, file: DataFile): Promise<string | undefined> {
  if (file.bytes !== undefined && bytes.length !== file.bytes) return `it has ${bytes.length} bytes, the published file has ${file.bytes}`;
  const sum = strongest(file);
  if (sum === undefined) return undefined;
  const got = await hashBytes(bytes, sum.algorithm);
  if (got === undefined)
    return file.bytes === undefined
      ? `its ${sum.algorithm} cannot be checked on this page; serve the page by HTTPS and give a sha256`
      : undefined;
  return got === sum.expected ? undefined : `its ${sum.algorithm} is ${got}, the published one is ${sum.expected}`;
}

async function fetchBytes(
  url: string,
  file: DataFile,
  { onProgress, timeout = defaultTimeout, signal }: ResolveOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const timer = stallTimer(timeout, signal);
  try {
    const response = await fetch(url, { signal: timer.signal });
    if (!response.ok || response.body === null) throw new HttpError(response.status);
    const announced =
      response.headers.get('content-encoding') === null ? Number(response.headers.get('content-length') ?? Number.NaN) : Number.NaN;
    const total = file.bytes ?? (Number.isFinite(announced) ? announced : undefined);
    const pieces: Uint8Array[] = [];
    let received = 0;
    const reader = response.body.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      timer.touch();
      pieces.push(next.value);
      received += next.value.byteLength;
      if (file.bytes !== undefined && received > file.bytes)
        throw new Error(`the server sent more than the ${file.bytes} bytes of the published file`);
      onProgress?.({ dataset: file.dataset, file: file.file, url, received, total });
    }
    const out = new Uint8Array(received);
    let at = 0;
    for (const piece of pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  } catch (error) {
    throw timer.signal.aborted && timer.signal.reason instanceof Error ? timer.signal.reason : error;
  } finally {
    timer.stop();
  }
}
