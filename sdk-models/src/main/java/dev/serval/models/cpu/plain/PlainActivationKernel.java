package dev.serval.models.cpu.plain;

import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.cpu.activation.ActivationKernel;
import dev.serval.models.cpu.activation.GeluSteepness;
import dev.serval.models.cpu.arithmetic.Exponential;
import dev.serval.models.cpu.memory.CpuActivations;

/** Activation functions in plain Java. */
final class PlainActivationKernel implements ActivationKernel {
  @Override
  public void gate(
      GateFunction function,
      CpuActivations gates,
      long gate,
      CpuActivations ups,
      long up,
      CpuActivations out,
      long to,
      int count,
      int worker) {
    for (int i = 0; i < count; i++) {
      float x = Math.min(gates.at(gate + i), function.limit());
      float let = through(function.steepness(x), x);
      float y = Math.clamp(ups.at(up + i), -function.limit(), function.limit());
      out.set(to + i, let * (y + function.offset()));
    }
  }

  @Override
  public void activate(
      UngatedFunction function,
      CpuActivations in,
      long from,
      CpuActivations out,
      long to,
      int count,
      int worker) {
    for (int i = 0; i < count; i++) {
      float x = in.at(from + i);
      out.set(
          to + i,
          switch (function) {
            case GELU -> through(GeluSteepness.of(x), x);
            case GELU_TANH -> through(GateFunction.GELU_TANH.steepness(x), x);
            case RELU_SQUARED -> ActivationKernel.reluSquared(x);
            case TANH -> Exponential.tanh(x);
          });
    }
  }

  @Override
  public void letThrough(
      CpuActivations gates,
      long gate,
      boolean swish,
      CpuActivations in,
      long from,
      CpuActivations out,
      long to,
      int count,
      int worker) {
    for (int i = 0; i < count; i++) {
      float x = gates.at(gate + i);
      float let = in.at(from + i) / (1 + Exponential.of(-x));
      out.set(to + i, swish ? let * x : let);
    }
  }

  /** x · σ(steepness) */
  private static float through(float steepness, float x) {
    return x / (1 + Exponential.of(-steepness));
  }
}
