// Von Mises: the normal distribution's relative on a circle.

import { empty, writeValues } from '../ops/create.ts';
import { numbersOf } from '../ops/random.ts';
import { add, call, cos, div, type Expr, log, mul, sub } from '../ops/scalar.ts';
import { HostRandom } from '../runtime/random.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { positive, real } from './constraints.ts';
import { type DistributionOptions, expandTo, type Parameter, type SampleOptions } from './distribution.ts';
import { Family, Univariate } from './family.ts';

// I0(k) = e^k · i0e(k), which does not overflow
const i0e = (k: Expr): Expr => call('i0e', k);
const family = new Family({
  params: { loc: real, concentration: positive },
  support: real,
  logProb: (x, loc, k) => sub(sub(mul(k, sub(cos(sub(x, loc)), 1)), Math.log(2 * Math.PI)), log(i0e(k))),
  mean: (loc) => loc,
  mode: (loc) => loc,
  // the circular variance
  variance: (_, k) => sub(1, div(call('i1e', k), i0e(k))),
  entropy: (_, k) => sub(add(add(Math.log(2 * Math.PI), log(i0e(k))), k), mul(k, div(call('i1e', k), i0e(k)))),
  reparameterized: false,
});

/** An angle around `loc`, in radians from -π to π; the larger the concentration, the closer. */
export class VonMises extends Univariate {
  constructor(loc: Parameter, concentration: Parameter, options?: DistributionOptions) {
    super({ loc, concentration }, family, options);
  }
  protected get family(): Family {
    return family;
  }
  get loc(): Tensor {
    return this.params.loc;
  }
  get concentration(): Tensor {
    return this.params.concentration;
  }
  /** Rejection from a wrapped Cauchy distribution (Best and Fisher, "Efficient simulation of the von Mises distribution", 1979). */
  protected override drawn(sampleShape: Shape, { generator }: SampleOptions): Tensor {
    const shape = this.sampleShape(sampleShape);
    const random = new HostRandom(generator);
    const [locs, ks] = [this.loc, this.concentration].map((t) => numbersOf(expandTo(t.detach(), shape)));
    const out = empty(shape, { dtype: this.dtype });
    writeValues(
      out,
      locs.map((loc, i) => {
        const k = ks[i];
        const tau = 1 + Math.sqrt(1 + 4 * k * k);
        const rho = (tau - Math.sqrt(2 * tau)) / (2 * k);
        // below 1e-3 the quotient loses its digits, and the distribution is almost uniform
        const r = k < 1e-3 ? 1 / k : (1 + rho * rho) / (2 * rho);
        for (;;) {
          const z = Math.cos(Math.PI * random.uniform());
          const f = (1 + r * z) / (r + z);
          const c = k * (r - f);
          const u = random.uniform();
          if (c * (2 - c) <= u && Math.log(c / u) + 1 < c) continue;
          const angle = Math.sign(random.uniform() - 0.5) * Math.acos(Math.min(1, Math.max(-1, f)));
          return ((((angle + loc + Math.PI) % (2 * Math.PI)) + 2 * Math.PI) % (2 * Math.PI)) - Math.PI;
        }
      }),
    );
    return out;
  }
}
