// Finding data files: FATHOM_DATA, cache, download with checksum, resumption, retries, and one line for each failure.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DataError, type DataErrorKind } from '../../src/data/errors.ts';
import { type DataFile, type DownloadProgress, resolveFile } from '../../src/data/fetch.ts';

const contents = Uint8Array.from({ length: 50_000 }, (_, i) => (i * 31) % 253);
const digest = (algorithm: string): string => createHash(algorithm).update(contents).digest('hex');

let server: Server;
let handle: (request: IncomingMessage, response: ServerResponse) => void;
let requests: (string | undefined)[];
let folder: string;
let cache: string;
let file: DataFile;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.headers.range);
    handle(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fathom-fetch-'));
  cache = join(folder, 'cache');
  requests = [];
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/f.bin`;
  file = { dataset: 'set', file: 'f.bin', urls: [url], sha256: digest('sha256'), bytes: contents.length };
  vi.stubEnv('FATHOM_DATA', '');
  vi.stubEnv('FATHOM_OFFLINE', '');
  vi.stubEnv('FATHOM_CACHE', cache);
  handle = serve;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

function serve(request: IncomingMessage, response: ServerResponse): void {
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const headers: Record<string, string | number> = { 'content-length': contents.length - from };
  if (from > 0) headers['content-range'] = `bytes ${from}-${contents.length - 1}/${contents.length}`;
  response.writeHead(from > 0 ? 206 : 200, headers);
  response.end(contents.subarray(from));
}

async function failure(promise: Promise<unknown>, kind: DataErrorKind): Promise<string> {
  const error = await promise.then(
    () => expect.fail('an error was expected'),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).kind).toBe(kind);
  expect((error as DataError).message).not.toContain('\n');
  return (error as DataError).message;
}

async function put(root: string, bytes: Uint8Array): Promise<string> {
  await mkdir(join(root, 'set'), { recursive: true });
  await writeFile(join(root, 'set', 'f.bin'), bytes);
  return join(root, 'set', 'f.bin');
}

describe('FATHOM_DATA', () => {
  it('comes first and is verified', async () => {
    const root = join(folder, 'data');
    const path = await put(root, contents);
    vi.stubEnv('FATHOM_DATA', root);
    const found = await resolveFile(file);
    expect(found).toMatchObject({ source: 'FATHOM_DATA', path });
    expect(await found.read()).toEqual(contents);
    expect((await resolveFile(file, { root })).source).toBe('root');
    expect(requests).toEqual([]);
  });

  it('that is no folder is one line', async () => {
    vi.stubEnv('FATHOM_DATA', join(folder, 'none'));
    expect(await failure(resolveFile(file), 'folder')).toBe(
      `FATHOM_DATA is '${join(folder, 'none')}', which is not a folder; set it to the folder that holds set/f.bin, or unset it to use the cache`,
    );
  });

  it('with a damaged file is one line, and the file is left as it is', async () => {
    const root = join(folder, 'data');
    vi.stubEnv('FATHOM_DATA', root);
    const damaged = contents.slice();
    damaged[7] = 1;
    const path = await put(root, damaged);
    expect(await failure(resolveFile(file), 'checksum')).toMatch(
      /its sha256 is [0-9a-f]{64}, the published one is [0-9a-f]{64}; replace it with the published file, or unset FATHOM_DATA to download one$/,
    );
    expect(await readFile(path)).toHaveLength(contents.length);
    await put(root, contents.subarray(0, 100));
    expect(await failure(resolveFile(file), 'checksum')).toMatch(/it is truncated: it has 100 bytes, the published file has 50000/);
  });

  it('without the file is one line that says where it was looked for and where to put it', async () => {
    const root = join(folder, 'data');
    await mkdir(root);
    vi.stubEnv('FATHOM_DATA', root);
    expect(await failure(resolveFile(file, { download: false }), 'missing')).toBe(
      `set/f.bin: no copy found: not in FATHOM_DATA; not in the cache; downloads are switched off; ` +
        `connect to the network and run again, or put the file at ${join(root, 'set', 'f.bin')}`,
    );
  });
});

describe('download', () => {
  it('checks, caches and reports progress; the next call finds the cached file', async () => {
    const progress: DownloadProgress[] = [];
    const found = await resolveFile(file, { onProgress: (p) => progress.push(p) });
    expect(found).toMatchObject({ source: 'download', path: join(cache, 'set', 'f.bin') });
    expect(await found.read()).toEqual(contents);
    expect(progress.at(-1)).toMatchObject({ dataset: 'set', file: 'f.bin', received: contents.length, total: contents.length });
    expect(await readdir(join(cache, 'set'))).toEqual(['f.bin']);
    expect((await resolveFile(file)).source).toBe('cache');
    expect(requests).toHaveLength(1);
  });

  it.each(['sha1', 'md5'] as const)('checks %s where that is what the source publishes', async (algorithm) => {
    const { sha256: _, ...rest } = file;
    expect((await resolveFile({ ...rest, [algorithm]: digest(algorithm).toUpperCase() })).source).toBe('download');
    await rm(cache, { recursive: true });
    expect(await failure(resolveFile({ ...rest, [algorithm]: '00' }), 'missing')).toMatch(new RegExp(`its ${algorithm} is `));
  });

  it('resumes a part that an earlier run left', async () => {
    await mkdir(join(cache, 'set'), { recursive: true });
    await writeFile(join(cache, 'set', 'f.bin.part'), contents.subarray(0, 20_000));
    const progress: number[] = [];
    expect((await resolveFile(file, { onProgress: (p) => progress.push(p.received) })).source).toBe('download');
    expect(requests).toEqual(['bytes=20000-']);
    expect(progress[0]).toBe(20_000);
  });

  it('a connection that breaks is taken up again where it stopped', async () => {
    let first = true;
    handle = (request, response) => {
      if (!first) return serve(request, response);
      first = false;
      response.writeHead(200, { 'content-length': contents.length });
      response.write(contents.subarray(0, 30_000), () => setTimeout(() => response.destroy(), 30));
    };
    expect((await resolveFile(file)).source).toBe('download');
    expect(requests).toEqual([undefined, 'bytes=30000-']);
  });

  it('a damaged part is thrown away and the file fetched anew', async () => {
    await mkdir(join(cache, 'set'), { recursive: true });
    await writeFile(join(cache, 'set', 'f.bin.part'), new Uint8Array(20_000));
    const found = await resolveFile(file);
    expect(await found.read()).toEqual(contents);
    expect(requests).toEqual(['bytes=20000-', undefined]);
  });

  it('a server without ranges starts from the beginning', async () => {
    await mkdir(join(cache, 'set'), { recursive: true });
    await writeFile(join(cache, 'set', 'f.bin.part'), contents.subarray(0, 20_000));
    handle = (_, response) => response.writeHead(200, { 'content-length': contents.length }).end(contents);
    expect(await (await resolveFile(file)).read()).toEqual(contents);
  });

  it('a damaged cached copy is removed and fetched again', async () => {
    await put(cache, new Uint8Array(contents.length));
    expect((await resolveFile(file)).source).toBe('download');
  });

  it('wrong bytes from the server are one line and nothing is kept', async () => {
    handle = (_, response) => response.writeHead(200).end(new Uint8Array(contents.length));
    expect(await failure(resolveFile(file), 'missing')).toMatch(/download failed: 127\.0\.0\.1:\d+ \(its sha256 is /);
    expect(await readdir(join(cache, 'set'))).toEqual([]);
  });

  it('a server that sends more than the file is stopped', async () => {
    handle = (_, response) => response.writeHead(200).end(new Uint8Array(contents.length + 10));
    expect(await failure(resolveFile(file), 'missing')).toMatch(/more than the 50000 bytes/);
  });

  it('404 is not tried twice, 503 is; the next source is used', async () => {
    let status = 404;
    handle = (_, response) => response.writeHead(status).end();
    expect(await failure(resolveFile(file), 'missing')).toMatch(/HTTP status 404/);
    expect(requests).toHaveLength(1);
    status = 503;
    handle = (request, response) => (request.url === '/f.bin' ? void response.writeHead(status).end() : serve(request, response));
    const second = file.urls[0].replace('f.bin', 'mirror.bin');
    expect((await resolveFile({ ...file, urls: [...file.urls, second] })).source).toBe('download');
    expect(requests).toHaveLength(4);
  });

  it('a server that says nothing is given up after the time limit', async () => {
    handle = () => undefined;
    // Another host name: a host that did not answer is not asked again for some seconds.
    const urls = [file.urls[0].replace('127.0.0.1', 'localhost')];
    expect(await failure(resolveFile({ ...file, urls }, { timeout: 80, retries: 0 }), 'missing')).toMatch(/no data for 0.08 s/);
  });

  it('a host that did not answer is not asked for the next file at once', async () => {
    const urls = ['http://127.0.0.2:9/f.bin'];
    await failure(resolveFile({ ...file, urls }, { retries: 0 }), 'missing');
    const started = performance.now();
    await failure(resolveFile({ ...file, urls }, { retries: 5 }), 'missing');
    expect(performance.now() - started).toBeLessThan(250);
  });

  it('without a network one line says so', async () => {
    const url = 'http://127.0.0.1:9/f.bin';
    const text = await failure(resolveFile({ ...file, urls: [url] }, { retries: 0 }), 'missing');
    expect(text).toMatch(/download failed: 127\.0\.0\.1:9 \(.*\); connect to the network and run again, or put the file at /);
  });

  it('FATHOM_OFFLINE forbids it', async () => {
    vi.stubEnv('FATHOM_OFFLINE', '1');
    expect(await failure(resolveFile(file), 'missing')).toMatch(/downloads are switched off/);
    expect(requests).toEqual([]);
  });

  it('the caller can stop it', async () => {
    const controller = new AbortController();
    handle = () => controller.abort(new Error('enough'));
    await expect(resolveFile(file, { signal: controller.signal })).rejects.toThrow('enough');
  });

  it('two callers share one download', async () => {
    await Promise.all([resolveFile(file), resolveFile(file)]);
    expect(requests).toHaveLength(1);
  });
});

it('names that leave the folder are refused', async () => {
  await expect(resolveFile({ ...file, file: '../x' })).rejects.toThrow('no name of a data file');
});
