package dev.serval.simulator;

import dev.serval.api.batching.StepCosts;
import dev.serval.api.compute.StepBatch;
import java.time.Duration;

/**
 * How long a step takes: {@code c + Σ γ·cached + Σ (b·new + a·(2·cached·new + new²)) + Σ d}, the
 * second sum over the step's prefills, the last over its decodes. All times in nanoseconds.
 *
 * @param step c, for the step itself: the weights are read once
 * @param cachedToken γ, for each token already in the KV cache that a sequence looks back at
 * @param newToken b, for each token of a prefill
 * @param pair a, for half a pair of tokens that attend to each other in a prefill
 * @param decode d, for each sequence that decodes
 */
public record MachineCosts(
    double step, double cachedToken, double newToken, double pair, double decode) {
  /** Refuses what would let time stand still or go back. */
  public MachineCosts {
    if (!(step > 0) || !(Math.min(Math.min(cachedToken, newToken), Math.min(pair, decode)) >= 0)) {
      throw new IllegalArgumentException(
          "a step takes time and nothing in it gives some back, unlike %s, %s, %s, %s, %s"
              .formatted(step, cachedToken, newToken, pair, decode));
    }
  }

  /**
   * The shape of a model of some hundred million parameters on a few processor cores: a step of one
   * decode takes 8 ms, a prompt token 1.2 ms.
   *
   * @return such a model; its figures are round and not a measurement
   */
  public static MachineCosts smallModelOnProcessor() {
    return new MachineCosts(6.5e6, 600, 1.2e6, 150, 1.5e6);
  }

  /**
   * The shape of a model of some billion parameters on one large accelerator: a step of one decode
   * takes 8 ms, a prompt token 25 µs.
   *
   * @return such a model; its figures are round and not a measurement
   */
  public static MachineCosts largeModelOnAccelerator() {
    return new MachineCosts(8e6, 25, 25_000, 0.3, 20_000);
  }

  /**
   * How long one step takes.
   *
   * @param batch the step
   * @return nanoseconds, at least 1
   */
  double nanos(StepBatch batch) {
    double nanos = step;
    for (int i = 0; i < batch.sequences(); i++) {
      int from = batch.firstRow(i);
      nanos += nanos(batch.position(from), batch.firstRow(i + 1) - from);
    }
    return Math.max(nanos, 1);
  }

  private double nanos(int cached, int count) {
    double work = count == 1 ? decode : newToken * count + pair * StepCosts.pairs(cached, count);
    return cachedToken * cached + work;
  }

  /**
   * How long a prompt takes that is computed in one step of its own.
   *
   * @param tokens the tokens of the prompt
   * @return the time
   */
  public Duration prefill(int tokens) {
    return Duration.ofNanos(Math.round(step + nanos(0, tokens)));
  }
}
