package dev.serval.models.cpu;

import dev.serval.api.compute.GateFunction;

/** The gated activation in plain Java. */
final class PlainGateKernel implements GateKernel {
  @Override
  public void gate(
      GateFunction function,
      CpuActivations in,
      long gate,
      long up,
      CpuActivations out,
      long to,
      int count,
      int worker) {
    for (int i = 0; i < count; i++) {
      float x = in.at(gate + i);
      out.set(to + i, x / (1 + Exponential.of(-function.steepness(x))) * in.at(up + i));
    }
  }
}
