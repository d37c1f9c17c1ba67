package dev.serval.models.cpu;

import dev.serval.api.compute.NumericsId;

/**
 * The kernels a backend computes with, chosen once when it is opened. What is not here (norms,
 * rotation, activations) is memory-bound and the same in all tiers.
 *
 * @param name what they are, for people
 * @param numerics what their results depend on
 * @param linear matrices
 * @param attention attention
 */
record KernelTier(
    String name, NumericsId numerics, LinearKernel linear, AttentionKernel attention) {

  /** Plain Java: right on every machine, and what faster tiers are measured against. */
  static KernelTier plainJava(int workers) {
    return new KernelTier(
        "plain Java",
        new NumericsId("cpu-java-1"),
        new PlainLinearKernel(workers),
        new PlainAttentionKernel(workers));
  }
}
