// Reads tar archives (POSIX ustar, with the long names of GNU and pax): the form in which data sets such as aclImdb and VOC are published.

import { FormatError } from './errors.ts';

/** One member of an archive. */
export interface TarEntry {
  name: string;
  kind: 'file' | 'folder' | 'link' | 'other';
  /** Contents: a window on the archive. */
  data: Uint8Array;
}

const block = 512;
const maxNameLength = 4096; // of a name given in a record of its own

/** Lists the members of a tar archive; `file` names it in errors. Throws a FormatError when it is truncated or damaged. */
export function readTar(bytes: Uint8Array, file = 'tar'): TarEntry[] {
  const fail = (what: string): never => {
    throw new FormatError(`${file}: bad tar archive: ${what}; get the file again`);
  };
  const entries: TarEntry[] = [];
  let longName: string | undefined;
  let longSize: number | undefined;
  let at = 0;
  for (; at + block <= bytes.length; ) {
    const head = bytes.subarray(at, at + block);
    if (head.every((b) => b === 0)) return entries;
    if (octal(head.subarray(148, 156)) !== checksum(head)) fail(`the checksum of the header at byte ${at} is wrong`);
    const size = longSize ?? sizeOf(head.subarray(124, 136)) ?? fail(`the size in the header at byte ${at} is no number`);
    const begin = at + block;
    if (size > bytes.length - begin) fail(`a member of ${size} bytes begins at byte ${begin}, the archive ends at ${bytes.length}`);
    const data = bytes.subarray(begin, begin + size);
    const type = String.fromCharCode(head[156]);
    at = begin + Math.ceil(size / block) * block;
    if (type === 'L') {
      if (size > maxNameLength) fail(`a name of ${size} bytes`);
      longName = text(data);
      continue;
    }
    if (type === 'x') {
      const records = paxRecords(data) ?? fail(`the extended header at byte ${begin} is damaged`);
      longName = records.get('path') ?? longName;
      const size = records.get('size');
      if (size !== undefined) longSize = /^\d{1,15}$/.test(size) ? Number(size) : fail('an extended size is no number');
      continue;
    }
    if (type === 'g' || type === 'K') continue; // defaults of all members, and the target of a link: not needed
    const prefix = text(head.subarray(257, 262)) === 'ustar' && head[262] === 0 ? text(head.subarray(345, 500)) : '';
    const name = longName ?? (prefix === '' ? '' : `${prefix}/`) + text(head.subarray(0, 100));
    if (name === '') fail(`the member at byte ${begin} has no name`);
    entries.push({ name, kind: kindOf(type, name), data });
    longName = longSize = undefined;
  }
  if (bytes.length === 0 || at !== bytes.length) fail(`it ends inside a header, at byte ${bytes.length}`);
  return entries;
}

function kindOf(type: string, name: string): TarEntry['kind'] {
  if (type === '5' || (name.endsWith('/') && (type === '0' || type === '\0'))) return 'folder';
  if (type === '0' || type === '\0' || type === '7') return 'file';
  return type === '1' || type === '2' ? 'link' : 'other';
}

function text(raw: Uint8Array): string {
  const end = raw.indexOf(0);
  return new TextDecoder().decode(end < 0 ? raw : raw.subarray(0, end));
}

function octal(raw: Uint8Array): number | undefined {
  const digits = text(raw).trim();
  return /^[0-7]{1,12}$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

/** A size: octal digits, or GNU's binary form for more than 8 GiB. */
function sizeOf(raw: Uint8Array): number | undefined {
  if ((raw[0] & 0x80) === 0) return octal(raw);
  let n = raw[0] & 0x7f;
  for (let i = 1; i < raw.length; i++) n = n * 256 + raw[i];
  return Number.isSafeInteger(n) ? n : undefined;
}

/** The sum of a header's bytes, its own field counted as spaces. */
function checksum(head: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 32 : head[i];
  return sum;
}

/** Records `length key=value\n` of a pax header. */
function paxRecords(data: Uint8Array): Map<string, string> | undefined {
  const out = new Map<string, string>();
  for (let at = 0; at < data.length && data[at] !== 0; ) {
    const space = data.indexOf(0x20, at);
    if (space < 0 || space - at > 10) return undefined;
    const length = Number(text(data.subarray(at, space)));
    if (!Number.isInteger(length) || length < space - at + 3 || at + length > data.length) return undefined;
    const record = new TextDecoder().decode(data.subarray(space + 1, at + length - 1));
    const equals = record.indexOf('=');
    if (equals < 0) return undefined;
    out.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return out;
}
