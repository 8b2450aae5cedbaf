// Checksums of data files: SHA-256, or the SHA-1 or MD5 that a source publishes.

import { withFile } from '../io/files.ts';
import { nodeModule } from '../io/node-modules.ts';

/** Published checksums, in hexadecimal. The strongest one given is the one that is checked. */
export interface Checksums {
  sha256?: string;
  sha1?: string;
  md5?: string;
}

type Algorithm = 'sha256' | 'sha1' | 'md5';

/** What to check: the strongest checksum given, or undefined. */
export function strongest(sums: Checksums): { algorithm: Algorithm; expected: string } | undefined {
  for (const algorithm of ['sha256', 'sha1', 'md5'] as const) {
    const expected = sums[algorithm];
    if (expected !== undefined) return { algorithm, expected: expected.toLowerCase() };
  }
  return undefined;
}

/** Checksum of a file on disk, read in pieces, in hexadecimal. */
export async function hashFile(path: string, algorithm: Algorithm): Promise<string> {
  const { createHash } = await nodeModule('node:crypto', `checking ${path}`);
  const hash = createHash(algorithm);
  await withFile(path, async ({ size, read }) => {
    const piece = 4 * 2 ** 20;
    for (let at = 0; at < size; at += piece) hash.update(await read(at, Math.min(piece, size - at)));
  });
  return hash.digest('hex');
}

/** Checksum of bytes with the platform's own cryptography, in hexadecimal; undefined where it lacks the algorithm (MD5 in browsers, all of them without HTTPS). */
export async function hashBytes(bytes: Uint8Array<ArrayBuffer>, algorithm: Algorithm): Promise<string | undefined> {
  if (algorithm === 'md5' || globalThis.crypto?.subtle === undefined) return undefined;
  const digest = await crypto.subtle.digest(algorithm === 'sha256' ? 'SHA-256' : 'SHA-1', bytes);
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, '0')).join('');
}
