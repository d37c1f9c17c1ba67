package dev.serval.models.cpu;

import dev.serval.api.compute.GateFunction;

/** How a tier of kernels computes the gated activation. */
public interface GateKernel {
  /**
   * Computes {@code function(gate) · up} for one row, with the function's limit and offset.
   *
   * @param function what lets values through
   * @param in gates and ups
   * @param gate the index of the first gate
   * @param up the index of the first up
   * @param out where products go
   * @param to the index of the first product
   * @param count how many there are
   * @param worker who computes
   */
  void gate(
      GateFunction function,
      CpuActivations in,
      long gate,
      long up,
      CpuActivations out,
      long to,
      int count,
      int worker);
}
