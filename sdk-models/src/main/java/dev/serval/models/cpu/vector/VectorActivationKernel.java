package dev.serval.models.cpu.vector;

import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.cpu.activation.ActivationKernel;
import dev.serval.models.cpu.activation.GeluSteepness;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Activation functions by the Vector API, a stretch at a time. */
final class VectorActivationKernel implements ActivationKernel {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final int STRETCH = 1024;

  private final float[][] powers;

  VectorActivationKernel(int workers) {
    powers = new float[workers][STRETCH];
  }

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
    float[] own = powers[worker];
    for (int i = 0; i < count; i += STRETCH) {
      int part = Math.min(STRETCH, count - i);
      long fromGate = (gate + i) * Float.BYTES;
      MemorySegment.copy(gates.data(), ValueLayout.JAVA_FLOAT, fromGate, own, 0, part);
      int whole = Math.ceilDiv(part, Lanes.COUNT) * Lanes.COUNT;
      steepen(function, own, whole);
      VectorExponential.apply(own, 0, whole, -1, 0);
      long fromUp = (up + i) * Float.BYTES;
      long products = (to + i) * Float.BYTES;
      if (function.limit() == Float.POSITIVE_INFINITY) {
        combine(gates.data(), fromGate, ups.data(), fromUp, own, out.data(), products, part);
      } else {
        combineLimited(
            function, gates.data(), fromGate, ups.data(), fromUp, own, out.data(), products, part);
      }
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
    long at = from * Float.BYTES;
    long outAt = to * Float.BYTES;
    switch (function) {
      case GELU, GELU_TANH ->
          gelu(function, in.data(), at, powers[worker], out.data(), outAt, count);
      case RELU_SQUARED -> reluSquared(in.data(), at, out.data(), outAt, count);
      case TANH -> tanh(in.data(), at, powers[worker], out.data(), outAt, count);
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
    float[] own = powers[worker];
    for (int i = 0; i < count; i += STRETCH) {
      int part = Math.min(STRETCH, count - i);
      long gatesAt = (gate + i) * Float.BYTES;
      MemorySegment.copy(gates.data(), ValueLayout.JAVA_FLOAT, gatesAt, own, 0, part);
      int whole = Math.ceilDiv(part, Lanes.COUNT) * Lanes.COUNT;
      VectorExponential.apply(own, 0, whole, -1, 0);
      long outAt = (to + i) * Float.BYTES;
      share(in.data(), (from + i) * Float.BYTES, own, out.data(), outAt, part);
      if (swish) {
        multiply(gates.data(), gatesAt, out.data(), outAt, part);
      }
    }
  }

  private static void multiply(MemorySegment in, long from, MemorySegment out, long to, int count) {
    int whole = F.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      long at = (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(F, in, from + at, Lanes.ORDER)
          .mul(FloatVector.fromMemorySegment(F, out, to + at, Lanes.ORDER))
          .intoMemorySegment(out, to + at, Lanes.ORDER);
    }
    for (int i = whole; i < count; i++) {
      long at = (long) i * Float.BYTES;
      float x = in.get(ValueLayout.JAVA_FLOAT, from + at);
      out.set(ValueLayout.JAVA_FLOAT, to + at, x * out.get(ValueLayout.JAVA_FLOAT, to + at));
    }
  }

  private static void tanh(
      MemorySegment in, long from, float[] own, MemorySegment out, long to, int count) {
    for (int i = 0; i < count; i += STRETCH) {
      int part = Math.min(STRETCH, count - i);
      long at = (long) i * Float.BYTES;
      MemorySegment.copy(in, ValueLayout.JAVA_FLOAT, from + at, own, 0, part);
      VectorExponential.tanh(own, 0, Math.ceilDiv(part, Lanes.COUNT) * Lanes.COUNT, 1);
      MemorySegment.copy(own, 0, out, ValueLayout.JAVA_FLOAT, to + at, part);
    }
  }

  private static void gelu(
      UngatedFunction function,
      MemorySegment in,
      long from,
      float[] own,
      MemorySegment out,
      long to,
      int count) {
    for (int i = 0; i < count; i += STRETCH) {
      int part = Math.min(STRETCH, count - i);
      long at = from + (long) i * Float.BYTES;
      MemorySegment.copy(in, ValueLayout.JAVA_FLOAT, at, own, 0, part);
      int whole = Math.ceilDiv(part, Lanes.COUNT) * Lanes.COUNT;
      if (function == UngatedFunction.GELU) {
        steepenExactly(own, whole);
      } else {
        steepenCubically(own, whole);
      }
      VectorExponential.apply(own, 0, whole, -1, 0);
      share(in, at, own, out, to + (long) i * Float.BYTES, part);
    }
  }

  private static void share(
      MemorySegment in, long from, float[] powers, MemorySegment out, long to, int count) {
    int whole = F.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      long at = (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(F, in, from + at, Lanes.ORDER)
          .div(FloatVector.fromArray(F, powers, i).add(1))
          .intoMemorySegment(out, to + at, Lanes.ORDER);
    }
    for (int i = whole; i < count; i++) {
      long at = (long) i * Float.BYTES;
      float x = in.get(ValueLayout.JAVA_FLOAT, from + at);
      out.set(ValueLayout.JAVA_FLOAT, to + at, x / (powers[i] + 1));
    }
  }

  private static void reluSquared(
      MemorySegment in, long from, MemorySegment out, long to, int count) {
    int whole = F.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      long at = (long) i * Float.BYTES;
      FloatVector above = FloatVector.fromMemorySegment(F, in, from + at, Lanes.ORDER).max(0);
      above.mul(above).intoMemorySegment(out, to + at, Lanes.ORDER);
    }
    for (int i = whole; i < count; i++) {
      long at = (long) i * Float.BYTES;
      float x = in.get(ValueLayout.JAVA_FLOAT, from + at);
      out.set(ValueLayout.JAVA_FLOAT, to + at, ActivationKernel.reluSquared(x));
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

  /** As {@link GeluSteepness} does, to the bit. */
  private static void steepenExactly(float[] gates, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(F, gates, i);
      FloatVector u = x.mul(x).min(GeluSteepness.LARGEST);
      FloatVector over =
          u.mul(GeluSteepness.OVER_4)
              .add(GeluSteepness.OVER_3)
              .mul(u)
              .add(GeluSteepness.OVER_2)
              .mul(u)
              .add(GeluSteepness.OVER_1)
              .mul(u)
              .add(GeluSteepness.OVER_0);
      FloatVector under =
          u.mul(GeluSteepness.UNDER_3)
              .add(GeluSteepness.UNDER_2)
              .mul(u)
              .add(GeluSteepness.UNDER_1)
              .mul(u)
              .add(1);
      x.mul(over.div(under)).intoArray(gates, i);
    }
  }

  private static void combine(
      MemorySegment gates,
      long gate,
      MemorySegment ups,
      long up,
      float[] powers,
      MemorySegment out,
      long to,
      int count) {
    int whole = F.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      long at = (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(F, gates, gate + at, Lanes.ORDER)
          .div(FloatVector.fromArray(F, powers, i).add(1))
          .mul(FloatVector.fromMemorySegment(F, ups, up + at, Lanes.ORDER))
          .intoMemorySegment(out, to + at, Lanes.ORDER);
    }
    for (int i = whole; i < count; i++) {
      long at = (long) i * Float.BYTES;
      float let = gates.get(ValueLayout.JAVA_FLOAT, gate + at);
      float value = ups.get(ValueLayout.JAVA_FLOAT, up + at);
      out.set(ValueLayout.JAVA_FLOAT, to + at, let / (powers[i] + 1) * value);
    }
  }

  /** With gates and ups that go no further than the limit; what is no number stays none. */
  private static void combineLimited(
      GateFunction function,
      MemorySegment gates,
      long gate,
      MemorySegment ups,
      long up,
      float[] powers,
      MemorySegment out,
      long to,
      int count) {
    float limit = function.limit();
    float offset = function.offset();
    int whole = F.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      long at = (long) i * Float.BYTES;
      FloatVector value = FloatVector.fromMemorySegment(F, ups, up + at, Lanes.ORDER);
      FloatVector.fromMemorySegment(F, gates, gate + at, Lanes.ORDER)
          .min(limit)
          .div(FloatVector.fromArray(F, powers, i).add(1))
          .mul(value.max(-limit).min(limit).add(offset))
          .intoMemorySegment(out, to + at, Lanes.ORDER);
    }
    for (int i = whole; i < count; i++) {
      long at = (long) i * Float.BYTES;
      float let = Math.min(gates.get(ValueLayout.JAVA_FLOAT, gate + at), limit);
      float value = Math.clamp(ups.get(ValueLayout.JAVA_FLOAT, up + at), -limit, limit);
      out.set(ValueLayout.JAVA_FLOAT, to + at, let / (powers[i] + 1) * (value + offset));
    }
  }
}
