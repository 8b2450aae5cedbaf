// The runtime as the command line needs it, loaded on first use: `--help` and `list` start no device.
import { UsageError } from './errors.ts';
import { didYouMean } from './suggest.ts';

export interface DeviceFacts {
  device: string;
  /** Why this device runs and no other: one line. */
  reason: string;
  /** Which build of the kernels runs. */
  variant: string;
  threads: number;
  hardwareThreads: number;
  /** Bytes that the device can hold. */
  limit: number;
}

export interface Runtime {
  /** Chooses the device ('' for the best there is) and seeds the random numbers. UsageError for a device that is not known. */
  prepare(options: { device?: string; seed: number }): Promise<DeviceFacts>;
  facts(): Promise<DeviceFacts>;
}

export const runtime: Runtime = {
  async prepare({ device, seed }) {
    const { deviceNames, manualSeed, setDevice } = await import('../runtime/index.ts');
    if (device !== undefined) {
      const names: readonly string[] = deviceNames;
      if (!names.includes(device)) {
        throw new UsageError(`--device: this build has no device '${device}'; it has ${names.join(', ')}.${didYouMean(device, names)}`);
      }
      setDevice(device);
    }
    manualSeed(seed);
    return await this.facts();
  },
  async facts() {
    const { doctorInfo, threadsJoined } = await import('../runtime/index.ts');
    await threadsJoined();
    const { device, reason, variant, threads, hardwareThreads, memory } = doctorInfo();
    return { device, reason, variant, threads, hardwareThreads, limit: memory.limit };
  },
};
