// Line search for the strong Wolfe conditions, on the values along one direction.

/** The function along a direction, at the step length `t`. */
export interface Point<G> {
  t: number;
  /** Value. */
  f: number;
  /** Derivative along the direction. */
  slope: number;
  /** The full gradient, which the search hands back. */
  gradient: G;
}

// Sufficient decrease and curvature (Nocedal and Wright, "Numerical Optimization", 2nd edition, section 3.1).
const c1 = 1e-4;
const c2 = 0.9;
const maxEvaluations = 25;

/** The minimum between `lo` and `hi` of the cubic through two points with their slopes (Nocedal and Wright, equation 3.59), or the middle. */
function cubicMinimum(a: Point<unknown>, b: Point<unknown>, lo = Math.min(a.t, b.t), hi = Math.max(a.t, b.t)): number {
  const [left, right] = a.t <= b.t ? [a, b] : [b, a];
  const d1 = a.slope + b.slope - (3 * (a.f - b.f)) / (a.t - b.t);
  const discriminant = d1 * d1 - a.slope * b.slope;
  if (!(discriminant >= 0)) return (lo + hi) / 2;
  const d2 = Math.sqrt(discriminant);
  const t = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2));
  return Math.min(Math.max(t, lo), hi);
}

/**
 * A step length that satisfies the strong Wolfe conditions, from the first guess `t` (bracketing and zoom, Nocedal and Wright, algorithms
 * 3.5 and 3.6), or the best one found when evaluations run out or the bracket gets smaller than `tolerance` over `largest`, the largest
 * component of the direction. `round` brings a number to the precision of the values: below it a decrease cannot be seen.
 */
export function strongWolfe<G>(
  evaluate: (t: number) => Point<G>,
  start: Point<G>,
  t: number,
  largest: number,
  tolerance: number,
  round: (x: number) => number,
): { point: Point<G>; evaluations: number } {
  const tooHigh = (p: Point<G>): boolean => p.f > round(start.f + c1 * p.t * start.slope);
  const flat = (p: Point<G>): boolean => Math.abs(p.slope) <= -c2 * start.slope;

  let previous = start;
  let point = evaluate(t);
  let evaluations = 1;
  let rounds = 0;
  let bracket: [Point<G>, Point<G>] | null = null;
  while (rounds < maxEvaluations) {
    if (tooHigh(point) || (rounds > 1 && point.f >= previous.f)) {
      bracket = [previous, point];
      break;
    }
    if (flat(point)) return { point, evaluations };
    if (point.slope >= 0) {
      bracket = [previous, point];
      break;
    }
    const next = cubicMinimum(previous, point, point.t + 0.01 * (point.t - previous.t), point.t * 10);
    previous = point;
    point = evaluate(next);
    evaluations++;
    rounds++;
  }
  bracket ??= [start, point];

  let low = bracket[0].f <= bracket[1].f ? 0 : 1;
  let slow: boolean = false; // the last guess was close to an end of the bracket
  while (rounds < maxEvaluations) {
    const [a, b] = bracket;
    if (Math.abs(b.t - a.t) * largest < tolerance) break;
    let guess = cubicMinimum(a, b);
    const [lo, hi] = [Math.min(a.t, b.t), Math.max(a.t, b.t)];
    const margin = 0.1 * (hi - lo);
    if (Math.min(hi - guess, guess - lo) < margin) {
      const move: boolean = slow || guess >= hi || guess <= lo;
      if (move) guess = Math.abs(guess - hi) < Math.abs(guess - lo) ? hi - margin : lo + margin;
      slow = !move;
    } else slow = false;
    point = evaluate(guess);
    evaluations++;
    rounds++;
    if (tooHigh(point) || point.f >= bracket[low].f) {
      bracket[1 - low] = point;
      low = bracket[0].f <= bracket[1].f ? 0 : 1;
      continue;
    }
    if (flat(point)) return { point, evaluations };
    if (point.slope * (bracket[1 - low].t - bracket[low].t) >= 0) bracket[1 - low] = bracket[low];
    bracket[low] = point;
  }
  return { point: bracket[low], evaluations };
}
