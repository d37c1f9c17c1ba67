package dev.serval.models.cpu.activation;

import dev.serval.models.cpu.memory.CpuActivations;

/** How a tier of kernels keeps scores small. */
public interface SoftcapKernel {
  /**
   * Replaces consecutive scores by {@code cap · tanh(score / cap)}.
   *
   * @param scores the scores
   * @param from the index of the first
   * @param count how many there are
   * @param cap above 0
   * @param worker who computes
   */
  void softcap(CpuActivations scores, long from, int count, float cap, int worker);
}
