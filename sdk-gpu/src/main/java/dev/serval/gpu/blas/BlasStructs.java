package dev.serval.gpu.blas;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;

/** cuBLASLt's structures that are read here. */
final class BlasStructs {
  /** A way to compute a product. */
  static final StructLayout HEURISTIC =
      MemoryLayout.structLayout(
              MemoryLayout.sequenceLayout(8, JAVA_LONG).withName("algo"),
              JAVA_LONG.withName("workspaceSize"),
              JAVA_INT.withName("state"),
              JAVA_FLOAT.withName("wavesCount"),
              MemoryLayout.sequenceLayout(4, JAVA_INT).withName("reserved"))
          .withName("cublasLtMatmulHeuristicResult_t");

  private BlasStructs() {}
}
