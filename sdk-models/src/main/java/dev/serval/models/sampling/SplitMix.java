package dev.serval.models.sampling;

/**
 * The generator SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators,
 * <a href="https://doi.org/10.1145/2660193.2660195">OOPSLA 2014</a>). Written out rather than taken
 * from the platform, so that a seed means the same tokens on every release of it; neighbouring
 * seeds give streams that have nothing to do with each other.
 */
final class SplitMix {
  private static final long GAMMA = 0x9e3779b97f4a7c15L;

  private long state;

  SplitMix(long seed) {
    state = mix(seed);
  }

  /** A number from 0 to below 1, of 53 random bits. */
  double nextDouble() {
    state += GAMMA;
    return (mix(state) >>> 11) * 0x1p-53;
  }

  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
