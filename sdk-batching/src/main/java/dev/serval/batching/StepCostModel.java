package dev.serval.batching;

import dev.serval.api.batching.StepCosts;

/**
 * What a step of given work will take on this machine, learned from the steps it has taken, in two
 * parts: what a step takes for its decodes, and what its chunks add to that.
 *
 * <pre>
 *   decodes   c + γ·cached + d·decodes
 *   chunks    b·Σnew + a·Σ(2·cached·new + new²)
 * </pre>
 *
 * <p>Each part is fitted to the steps that tell about it, with a memory of its own: an hour of
 * decodes alone does not dim what is known of prefill. When steps of decodes have become slower or
 * faster, it is the machine that changed, busy or throttled, and chunks are taken to have changed
 * by the same factor.
 *
 * <p>Neither b nor a can be negative. Where they seem to be (code that is still being compiled gets
 * faster while prompts get longer), longer chunks would be predicted to cost nothing: then a
 * chunk's tokens are taken to cost the same each, as a third fit has it.
 *
 * <p>One thread, the engine's. Nothing is allocated after construction.
 */
final class StepCostModel implements StepCosts {
  private static final int LEAST_STEPS = 8;
  private static final int LEAST_CHUNKS = 4;

  private final LinearFit ofDecodes = new LinearFit(3);
  private final LinearFit ofChunks = new LinearFit(2);
  private final LinearFit ofTokens = new LinearFit(1);
  private final double[] decodesOf = {1, 0, 0};
  private final double[] chunksOf = {0, 0};
  private final double[] tokensOf = {0};

  @Override
  public boolean known() {
    return ofDecodes.observed() >= LEAST_STEPS && ofChunks.observed() >= LEAST_CHUNKS;
  }

  @Override
  public long errorNanos() {
    double millis = Math.max(ofDecodes.meanAbsoluteResidual(), ofChunks.meanAbsoluteResidual());
    return (long) (millis * 1e6);
  }

  @Override
  public long predictNanos(long cached, long fresh, double pairs, int decodes) {
    double millis = millisOfDecodes(cached, decodes);
    if (fresh > 0) {
      millis += millisOfChunks(fresh, pairs);
    }
    return (long) (millis * 1e6);
  }

  /** Learns from a step that took {@code nanos}. */
  void observe(long cached, long fresh, double pairs, int decodes, long nanos) {
    double millis = nanos * 1e-6;
    double decoding = millisOfDecodes(cached, decodes);
    if (fresh == 0) {
      observeDecodes(millis);
    } else {
      millisOfChunks(fresh, pairs);
      observeChunks(Math.max(0, millis - decoding));
    }
  }

  private void observeDecodes(double millis) {
    double change = ofDecodes.observe(decodesOf, millis);
    if (change != 1) {
      ofDecodes.scale(change);
      ofChunks.scale(change);
      ofTokens.scale(change);
    }
  }

  private void observeChunks(double millis) {
    follow(ofChunks, chunksOf, millis);
    follow(ofTokens, tokensOf, millis);
  }

  /** What has changed is learned anew. */
  private static void follow(LinearFit fit, double[] quantities, double millis) {
    if (fit.observe(quantities, millis) != 1) {
      fit.renew();
    }
  }

  /** Quantities are scaled to about 1 in a usual step, so that the fits are well conditioned. */
  private double millisOfDecodes(long cached, int decodes) {
    decodesOf[1] = 1e-4 * cached;
    decodesOf[2] = 1e-1 * decodes;
    return Math.max(0, ofDecodes.predict(decodesOf));
  }

  private double millisOfChunks(long fresh, double pairs) {
    chunksOf[0] = 1e-2 * fresh;
    chunksOf[1] = 1e-6 * pairs;
    tokensOf[0] = chunksOf[0];
    return ofChunks.hasNegativeWeight()
        ? Math.max(0, ofTokens.predict(tokensOf))
        : ofChunks.predict(chunksOf);
  }

  @Override
  public String toString() {
    return "decodes " + ofDecodes + ", chunks " + ofChunks + ", in milliseconds";
  }
}
