package dev.serval.models.cpu.linear;

import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.Weight;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A weight in native memory. */
public sealed interface CpuWeight extends Weight {
  /** The backend that loaded it. */
  ComputeBackend owner();

  /**
   * A vector, its elements widened to F32.
   *
   * @param owner the backend that loaded it
   * @param columns its length
   * @param dtype how it was stored
   * @param data its elements
   */
  record Vector(ComputeBackend owner, int columns, DType dtype, MemorySegment data)
      implements CpuWeight {
    @Override
    public int rows() {
      return 1;
    }

    public float at(long index) {
      return data.getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }
  }

  /**
   * A matrix.
   *
   * @param owner the backend that loaded it
   * @param packed how the kernels keep it
   */
  record Matrix(ComputeBackend owner, PackedMatrix packed) implements CpuWeight {
    @Override
    public int rows() {
      return packed.rows();
    }

    @Override
    public int columns() {
      return packed.columns();
    }

    @Override
    public DType dtype() {
      return packed.dtype();
    }
  }
}
