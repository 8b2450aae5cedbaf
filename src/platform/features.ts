// Which WebAssembly features this engine has: each is asked by validating a module of a few bytes that uses it.

export interface WasmFeatures {
  readonly simd: boolean;
  readonly relaxedSimd: boolean;
  /** Atomics and a memory that can be shared here (browsers: only when cross-origin isolated). */
  readonly threads: boolean;
}

const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
// type section: () -> (v128)
const typeVector = [1, 5, 1, 0x60, 0, 1, 0x7b];
const oneFunction = [3, 2, 1, 0];

// code section with one body; `code` must be shorter than 120 bytes
function body(code: readonly number[]): number[] {
  const size = code.length + 2; // no locals, end
  return [10, size + 2, 1, size, 0, ...code, 0x0b];
}

const zero = [0x41, 0, 0xfd, 0x0f]; // i32.const 0; i8x16.splat
const validate = (bytes: readonly number[]): boolean => WebAssembly.validate(new Uint8Array(bytes));

const hasSimd = (): boolean => validate([...header, ...typeVector, ...oneFunction, ...body(zero)]);
// f32x4.relaxed_madd is 0xfd, then 0x105 as LEB128
const hasRelaxed = (): boolean =>
  validate([...header, ...typeVector, ...oneFunction, ...body([...zero, ...zero, ...zero, 0xfd, 0x85, 0x02])]);
// type () -> (i32); a shared memory of 1 page; i32.atomic.load
const hasAtomics = (): boolean =>
  validate([...header, 1, 5, 1, 0x60, 0, 1, 0x7f, ...oneFunction, 5, 4, 1, 3, 1, 1, ...body([0x41, 0, 0xfe, 0x10, 2, 0])]);

/** The features of this engine. */
export function wasmFeatures(): WasmFeatures {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  const shareable = typeof SharedArrayBuffer !== 'undefined' && isolated !== false;
  return { simd: hasSimd(), relaxedSimd: hasRelaxed(), threads: shareable && hasAtomics() };
}

/**
 * The kernel variant for these features, as in 'relaxed-threads'; undefined without SIMD, which the kernels need. The relaxed builds fuse multiply and add:
 * faster, and different from the plain ones in the last bits only.
 */
export function bestVariant(features: WasmFeatures): string | undefined {
  if (!features.simd) return undefined;
  return `${features.relaxedSimd ? 'relaxed' : 'simd'}${features.threads ? '-threads' : ''}`;
}
