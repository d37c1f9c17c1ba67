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
      float x = Math.min(in.at(gate + i), function.limit());
      float let = x / (1 + Exponential.of(-function.steepness(x)));
      float y = Math.clamp(in.at(up + i), -function.limit(), function.limit());
      out.set(to + i, let * (y + function.offset()));
    }
  }
}
