package dev.serval.models.cpu.vector;

import dev.serval.api.compute.GateFunction;
import dev.serval.models.cpu.CpuActivations;
import dev.serval.models.cpu.GateKernel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The gated activation by the Vector API, a stretch at a time. */
final class VectorGateKernel implements GateKernel {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final int STRETCH = 1024;

  private final float[][] powers;

  VectorGateKernel(int workers) {
    powers = new float[workers][STRETCH];
  }

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
    float[] own = powers[worker];
    for (int i = 0; i < count; i += STRETCH) {
      int part = Math.min(STRETCH, count - i);
      long gates = (gate + i) * Float.BYTES;
      MemorySegment.copy(in.data(), ValueLayout.JAVA_FLOAT, gates, own, 0, part);
      int whole = Math.ceilDiv(part, Lanes.COUNT) * Lanes.COUNT;
      steepen(function, own, whole);
      VectorExponential.apply(own, 0, whole, -1, 0);
      long ups = (up + i) * Float.BYTES;
      long products = (to + i) * Float.BYTES;
      if (function.limit() == Float.POSITIVE_INFINITY) {
        combine(in.data(), gates, ups, own, out.data(), products, part);
      } else {
        combineLimited(function, in.data(), gates, ups, own, out.data(), products, part);
      }
    }
  }

  /** As {@link GateFunction#steepness} does, to the bit. */
  private static void steepen(GateFunction function, float[] gates, int count) {
    switch (function) {
      case SILU -> {}
      case GELU_TANH -> steepenCubically(gates, count);
      case SWIGLU_OAI -> steepenLimited(gates, count, function.limit());
    }
  }

  private static void steepenLimited(float[] gates, int count, float limit) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector.fromArray(F, gates, i).min(limit).mul(GateFunction.SLOPE).intoArray(gates, i);
    }
  }

  private static void steepenCubically(float[] gates, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(F, gates, i);
      x.mul(GateFunction.CUBIC).mul(x).add(GateFunction.LINEAR).mul(x).intoArray(gates, i);
    }
  }

  private static void combine(
      MemorySegment in,
      long gates,
      long ups,
      float[] powers,
      MemorySegment out,
      long to,
      int count) {
    int whole = F.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      long at = (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(F, in, gates + at, Lanes.ORDER)
          .div(FloatVector.fromArray(F, powers, i).add(1))
          .mul(FloatVector.fromMemorySegment(F, in, ups + at, Lanes.ORDER))
          .intoMemorySegment(out, to + at, Lanes.ORDER);
    }
    for (int i = whole; i < count; i++) {
      long at = (long) i * Float.BYTES;
      float gate = in.get(ValueLayout.JAVA_FLOAT, gates + at);
      float up = in.get(ValueLayout.JAVA_FLOAT, ups + at);
      out.set(ValueLayout.JAVA_FLOAT, to + at, gate / (powers[i] + 1) * up);
    }
  }

  /** With gates and ups that go no further than the limit; what is no number stays none. */
  private static void combineLimited(
      GateFunction function,
      MemorySegment in,
      long gates,
      long ups,
      float[] powers,
      MemorySegment out,
      long to,
      int count) {
    float limit = function.limit();
    float offset = function.offset();
    int whole = F.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      long at = (long) i * Float.BYTES;
      FloatVector up = FloatVector.fromMemorySegment(F, in, ups + at, Lanes.ORDER);
      FloatVector.fromMemorySegment(F, in, gates + at, Lanes.ORDER)
          .min(limit)
          .div(FloatVector.fromArray(F, powers, i).add(1))
          .mul(up.max(-limit).min(limit).add(offset))
          .intoMemorySegment(out, to + at, Lanes.ORDER);
    }
    for (int i = whole; i < count; i++) {
      long at = (long) i * Float.BYTES;
      float gate = Math.min(in.get(ValueLayout.JAVA_FLOAT, gates + at), limit);
      float up = Math.clamp(in.get(ValueLayout.JAVA_FLOAT, ups + at), -limit, limit);
      out.set(ValueLayout.JAVA_FLOAT, to + at, gate / (powers[i] + 1) * (up + offset));
    }
  }
}
