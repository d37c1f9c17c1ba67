package dev.serval.models.cpu.vector;

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

  private final float[][] gates;
  private final float[][] powers;

  VectorGateKernel(int workers) {
    gates = new float[workers][STRETCH];
    powers = new float[workers][STRETCH];
  }

  @Override
  public void gate(
      CpuActivations in, long gate, long up, CpuActivations out, long to, int count, int worker) {
    for (int i = 0; i < count; i += STRETCH) {
      int part = Math.min(STRETCH, count - i);
      read(in.data(), gate + i, gates[worker], part);
      int whole = Math.ceilDiv(part, Lanes.COUNT) * Lanes.COUNT;
      negate(gates[worker], powers[worker], whole);
      VectorExponential.apply(powers[worker], 0, whole, 0);
      divide(gates[worker], powers[worker], whole);
      read(in.data(), up + i, powers[worker], part);
      multiply(gates[worker], powers[worker], whole);
      out.set(to + i, gates[worker], 0, part);
    }
  }

  private static void read(MemorySegment in, long from, float[] to, int count) {
    MemorySegment.copy(in, ValueLayout.JAVA_FLOAT, from * Float.BYTES, to, 0, count);
  }

  private static void negate(float[] x, float[] to, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector.fromArray(F, x, i).neg().intoArray(to, i);
    }
  }

  private static void divide(float[] x, float[] by, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector.fromArray(F, x, i).div(FloatVector.fromArray(F, by, i).add(1)).intoArray(x, i);
    }
  }

  private static void multiply(float[] x, float[] by, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector.fromArray(F, x, i).mul(FloatVector.fromArray(F, by, i)).intoArray(x, i);
    }
  }
}
