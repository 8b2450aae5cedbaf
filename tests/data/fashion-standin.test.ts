// The procedural stand-in: deterministic, balanced, of the statistics and about the difficulty of Fashion-MNIST.

import { describe, expect, it } from 'vitest';
import { fashionLabels, fashionStandIn } from '../../src/data/fashion-standin.ts';

describe('fashionStandIn', () => {
  it('the same seed gives the same images, a smaller set is the beginning of a larger one', () => {
    const a = fashionStandIn({ size: 200, seed: 3 });
    const b = fashionStandIn({ size: 100, seed: 3 });
    expect(b.images).toEqual(a.images.slice(0, 100 * 784));
    expect(b.labels).toEqual(a.labels.slice(0, 100));
    expect(fashionStandIn({ size: 100, seed: 4 }).images).not.toEqual(b.images);
    expect(fashionStandIn({ size: 100, seed: 3, train: false }).images).not.toEqual(b.images);
  });

  it('has the ten classes in equal shares', () => {
    const counts = new Array<number>(10).fill(0);
    for (const l of fashionStandIn({ size: 500 }).labels) counts[l]++;
    expect(counts).toEqual(new Array(10).fill(50));
    expect(fashionLabels).toHaveLength(10);
  });

  it('has mean and deviation near those of the real set (0.286, 0.353)', () => {
    const { images } = fashionStandIn({ size: 1000 });
    const mean = images.reduce((s, v) => s + v / 255, 0) / images.length;
    const variance = images.reduce((s, v) => s + (v / 255 - mean) ** 2, 0) / images.length;
    expect(mean).toBeGreaterThan(0.2);
    expect(mean).toBeLessThan(0.33);
    expect(Math.sqrt(variance)).toBeGreaterThan(0.28);
    expect(Math.sqrt(variance)).toBeLessThan(0.38);
  });

  it('no two images are alike and none is empty', () => {
    const { images } = fashionStandIn({ size: 300 });
    const seen = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const one = images.subarray(i * 784, (i + 1) * 784);
      expect(one.filter((v) => v > 0).length).toBeGreaterThan(40);
      seen.add(one.join());
    }
    expect(seen.size).toBe(300);
  });

  it('the nearest class mean gets most, but far from all, right', () => {
    const train = fashionStandIn({ size: 2000 });
    const test = fashionStandIn({ size: 1000, train: false });
    const means = Array.from({ length: 10 }, () => new Float64Array(784));
    train.labels.forEach((l, i) => {
      for (let k = 0; k < 784; k++) means[l][k] += train.images[i * 784 + k] / 200;
    });
    let right = 0;
    test.labels.forEach((l, i) => {
      const distance = means.map((m) => m.reduce((s, v, k) => s + (v - test.images[i * 784 + k]) ** 2, 0));
      if (distance.indexOf(Math.min(...distance)) === l) right++;
    });
    expect(right / 1000).toBeGreaterThan(0.55);
    expect(right / 1000).toBeLessThan(0.85);
  });

  it('a size that is no whole number is an error', () => {
    expect(() => fashionStandIn({ size: -1 })).toThrow('size: -1');
  });
});
