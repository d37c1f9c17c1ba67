package dev.serval.models.cpu;

/** The gated activation in plain Java. */
final class PlainGateKernel implements GateKernel {
  @Override
  public void gate(
      CpuActivations in, long gate, long up, CpuActivations out, long to, int count, int worker) {
    for (int i = 0; i < count; i++) {
      float x = in.at(gate + i);
      out.set(to + i, x / (1 + Exponential.of(-x)) * in.at(up + i));
    }
  }
}
