// CRC-32 as gzip, zip and PNG use it (polynomial 0xedb88320, reflected).

let table: Uint32Array | undefined;

// Four tables, four bytes a step ("slicing by 4"): about 1 GB/s in V8.
function crcTable(): Uint32Array {
  const t = new Uint32Array(4 * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    t[n] = c;
  }
  for (let k = 1; k < 4; k++) {
    for (let n = 0; n < 256; n++) {
      const c = t[(k - 1) * 256 + n];
      t[k * 256 + n] = t[c & 255] ^ (c >>> 8);
    }
  }
  return t;
}

/** The CRC-32 of the bytes as a non-negative number. */
export function crc32(bytes: Uint8Array): number {
  table ??= crcTable();
  const t = table;
  let c = -1;
  let i = 0;
  for (; i + 4 <= bytes.length; i += 4) {
    c ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    c = t[768 + (c & 255)] ^ t[512 + ((c >>> 8) & 255)] ^ t[256 + ((c >>> 16) & 255)] ^ t[c >>> 24];
  }
  for (; i < bytes.length; i++) c = t[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}
