// The face of the runtime: device, threads, memory, random numbers, and what `fathom doctor` prints.

import { platform } from '#platform';
import { memory } from './memory.ts';
import { deviceReason, machine, start } from './runtime.ts';

export * from './errors.ts';
export { memory, pressureYield, resetPeakMemory, scope } from './memory.ts';
export { defaultGenerator, Generator, manualSeed } from './random.ts';
export { device, deviceNames, deviceReason, setDevice, setThreads, threads, threadsJoined } from './runtime.ts';

export interface DoctorInfo {
  platform: 'node' | 'browser';
  device: string;
  /** Why this device runs and no other. */
  reason: string;
  /** Which build of the kernels runs. */
  variant: string;
  threads: number;
  hardwareThreads: number;
  memory: { live: number; peak: number; pooled: number; reserved: number; limit: number };
}

/** Starts the device and tells what runs; the threads are those that have joined by now. DeviceError when none can. */
export function doctorInfo(): DoctorInfo {
  start();
  const { live, peak, pooled, reserved } = memory();
  return {
    platform: platform.name,
    device: machine.name,
    reason: deviceReason(),
    variant: machine.variant,
    threads: machine.threads,
    hardwareThreads: platform.hardwareConcurrency,
    memory: { live, peak, pooled, reserved, limit: machine.maxBytes },
  };
}
