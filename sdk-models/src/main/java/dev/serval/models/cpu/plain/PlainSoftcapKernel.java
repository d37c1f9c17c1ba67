package dev.serval.models.cpu.plain;

import dev.serval.models.cpu.activation.SoftcapKernel;
import dev.serval.models.cpu.arithmetic.Exponential;
import dev.serval.models.cpu.memory.CpuActivations;

/** Softcaps in plain Java. */
final class PlainSoftcapKernel implements SoftcapKernel {
  @Override
  public void softcap(CpuActivations scores, long from, int count, float cap, int worker) {
    for (long i = from; i < from + count; i++) {
      scores.set(i, cap * Exponential.tanh(scores.at(i) / cap));
    }
  }
}
