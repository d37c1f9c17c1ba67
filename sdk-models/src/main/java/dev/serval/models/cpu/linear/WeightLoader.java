package dev.serval.models.cpu.linear;

import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.ToLongFunction;

/** Takes over weights: matrices as the kernels want them, vectors as F32. */
public final class WeightLoader {
  private final ComputeBackend owner;
  private final LinearKernel kernel;
  private final NativeMemory memory;
  private final WorkCrew crew;

  public WeightLoader(
      ComputeBackend owner, LinearKernel kernel, NativeMemory memory, WorkCrew crew) {
    this.owner = owner;
    this.kernel = kernel;
    this.memory = memory;
    this.crew = crew;
  }

  /**
   * What a weight takes once it is loaded.
   *
   * @param parts its rows from top to bottom
   * @param packed the size of a matrix once it is packed, in bytes
   */
  public static long bytes(List<StoredTensor> parts, ToLongFunction<StoredRows> packed) {
    OperandChecks.requireWeight(parts);
    return parts.getFirst().shape().size() == 1
        ? Float.BYTES * parts.stream().mapToLong(StoredTensor::elements).sum()
        : StackedMatrix.bytes(parts, packed);
  }

  public CpuWeight load(List<StoredTensor> parts) {
    OperandChecks.requireWeight(parts);
    return parts.getFirst().shape().size() == 1
        ? vector(parts)
        : new CpuWeight.Matrix(
            owner, StackedMatrix.of(parts, rows -> kernel.pack(rows, memory, crew)));
  }

  private CpuWeight vector(List<StoredTensor> parts) {
    int length = Math.toIntExact(parts.stream().mapToLong(StoredTensor::elements).sum());
    MemorySegment data = memory.allocate((long) length * Float.BYTES, CpuActivations.ALIGNMENT);
    long at = 0;
    for (StoredTensor part : parts) {
      for (long i = 0; i < part.elements(); i++) {
        data.setAtIndex(ValueLayout.JAVA_FLOAT, at++, part.element(i));
      }
    }
    return new CpuWeight.Vector(owner, length, parts.getFirst().dtype(), data);
  }
}
