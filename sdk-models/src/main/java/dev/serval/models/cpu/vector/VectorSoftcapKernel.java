package dev.serval.models.cpu.vector;

import dev.serval.models.cpu.activation.SoftcapKernel;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/** Softcaps by the Vector API, a stretch at a time. */
final class VectorSoftcapKernel implements SoftcapKernel {
  private static final int STRETCH = 1024;

  private final float[][] stretches;

  VectorSoftcapKernel(int workers) {
    stretches = new float[workers][STRETCH];
  }

  @Override
  public void softcap(CpuActivations scores, long from, int count, float cap, int worker) {
    float[] own = stretches[worker];
    for (int i = 0; i < count; i += STRETCH) {
      int part = Math.min(STRETCH, count - i);
      long at = (from + i) * Float.BYTES;
      MemorySegment.copy(scores.data(), ValueLayout.JAVA_FLOAT, at, own, 0, part);
      int whole = Math.ceilDiv(part, Lanes.COUNT) * Lanes.COUNT;
      VectorExponential.tanh(own, 0, whole, 1 / cap);
      multiply(own, whole, cap);
      scores.set(from + i, own, 0, part);
    }
  }

  private static void multiply(float[] values, int count, float factor) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, values, i).mul(factor).intoArray(values, i);
    }
  }
}
