package dev.serval.models.cpu;

import dev.serval.api.compute.OperandChecks;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Takes over weights: matrices as the kernels want them, vectors as F32. */
final class WeightLoader {
  private static final int ALIGNMENT = 64;

  private final CpuBackend owner;
  private final LinearKernel kernel;
  private final NativeMemory memory;
  private final WorkCrew crew;

  WeightLoader(CpuBackend owner, LinearKernel kernel, NativeMemory memory, WorkCrew crew) {
    this.owner = owner;
    this.kernel = kernel;
    this.memory = memory;
    this.crew = crew;
  }

  /** What a weight takes once it is loaded for a tier of kernels. */
  static long bytes(List<StoredTensor> parts, KernelTierSource tier) {
    OperandChecks.requireWeight(parts);
    return parts.getFirst().shape().size() == 1
        ? Float.BYTES * parts.stream().mapToLong(StoredTensor::elements).sum()
        : StackedMatrix.bytes(parts, tier::packedBytes);
  }

  CpuWeight load(List<StoredTensor> parts) {
    OperandChecks.requireWeight(parts);
    return parts.getFirst().shape().size() == 1
        ? vector(parts)
        : new CpuWeight.Matrix(
            owner, StackedMatrix.of(parts, rows -> kernel.pack(rows, memory, crew)));
  }

  private CpuWeight vector(List<StoredTensor> parts) {
    int length = Math.toIntExact(parts.stream().mapToLong(StoredTensor::elements).sum());
    MemorySegment data = memory.allocate((long) length * Float.BYTES, ALIGNMENT);
    long at = 0;
    for (StoredTensor part : parts) {
      for (long i = 0; i < part.elements(); i++) {
        data.setAtIndex(ValueLayout.JAVA_FLOAT, at++, part.element(i));
      }
    }
    return new CpuWeight.Vector(owner, length, parts.getFirst().dtype(), data);
  }
}
