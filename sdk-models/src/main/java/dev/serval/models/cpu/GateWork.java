package dev.serval.models.cpu;

/** The gated activation: silu(gate) · up. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class GateWork extends RowWork {
  private CpuActivations gateUp;
  private CpuActivations out;

  GateWork of(CpuActivations input, CpuActivations output) {
    gateUp = input;
    out = output;
    return this;
  }

  @Override
  void row(int row) {
    long gate = gateUp.row(row);
    long up = gate + out.columns();
    long to = out.row(row);
    for (int i = 0; i < out.columns(); i++) {
      float x = gateUp.at(gate + i);
      out.set(to + i, x / (1 + Exponential.of(-x)) * gateUp.at(up + i));
    }
  }
}
