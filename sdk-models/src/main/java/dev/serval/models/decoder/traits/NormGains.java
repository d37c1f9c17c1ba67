package dev.serval.models.decoder.traits;

/**
 * How the gains that a model computes with come of those that a checkpoint stores.
 *
 * @param lessOne whether they are stored less 1
 * @param divisor what they are divided by
 */
public record NormGains(boolean lessOne, double divisor) {
  /** Whether they are those that are stored. */
  public boolean asStored() {
    return !lessOne && divisor == 1;
  }

  /** A gain, of the one that is stored. */
  public double of(double stored) {
    return (stored + (lessOne ? 1.0 : 0.0)) / divisor;
  }
}
