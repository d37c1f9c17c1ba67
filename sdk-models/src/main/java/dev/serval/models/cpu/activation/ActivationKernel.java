package dev.serval.models.cpu.activation;

import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.cpu.memory.CpuActivations;

/** How a tier of kernels computes what feed-forward layers have between their maps. */
public interface ActivationKernel {
  /**
   * Computes {@code function(gate) · up} for one row, with the function's limit and offset.
   *
   * @param function what lets values through
   * @param gates the gates
   * @param gate the index of the first
   * @param ups the ups, which may lie where gates do
   * @param up the index of the first
   * @param out where products go
   * @param to the index of the first product
   * @param count how many there are
   * @param worker who computes
   */
  void gate(
      GateFunction function,
      CpuActivations gates,
      long gate,
      CpuActivations ups,
      long up,
      CpuActivations out,
      long to,
      int count,
      int worker);

  /**
   * Computes {@code function(in)} for one row.
   *
   * @param function what is taken of each element
   * @param in the elements
   * @param from the index of the first
   * @param out where results go
   * @param to the index of the first result
   * @param count how many there are
   * @param worker who computes
   */
  void activate(
      UngatedFunction function,
      CpuActivations in,
      long from,
      CpuActivations out,
      long to,
      int count,
      int worker);

  /**
   * Computes {@code in · σ(gate)} for one row, with the logistic function σ.
   *
   * @param gates the gates
   * @param gate the index of the first
   * @param swish whether results are multiplied by the gates as well
   * @param in the elements
   * @param from the index of the first
   * @param out where results go, which may be where the elements are
   * @param to the index of the first result
   * @param count how many there are
   * @param worker who computes
   */
  void letThrough(
      CpuActivations gates,
      long gate,
      boolean swish,
      CpuActivations in,
      long from,
      CpuActivations out,
      long to,
      int count,
      int worker);

  /** The square of what is above 0; what is no number stays so. */
  static float reluSquared(float x) {
    float above = Math.max(x, 0);
    return above * above;
  }
}
