package dev.serval.gpu.compute;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.Weight;
import java.util.List;

/** A weight on the device. */
sealed interface CudaWeight extends Weight {
  /** The backend that loaded it. */
  CudaBackend owner();

  /**
   * A vector, its elements widened to F32.
   *
   * @param owner the backend that loaded it
   * @param columns its length
   * @param dtype how it was stored
   * @param address where it lies
   */
  record Vector(CudaBackend owner, int columns, DType dtype, long address) implements CudaWeight {
    @Override
    public int rows() {
      return 1;
    }
  }

  /**
   * A matrix: consecutive rows of one type are one part.
   *
   * @param owner the backend that loaded it
   * @param rows its rows
   * @param columns its columns
   * @param dtype how its first rows were stored
   * @param parts from top to bottom
   */
  record Matrix(CudaBackend owner, int rows, int columns, DType dtype, List<Part> parts)
      implements CudaWeight {
    /** Whether tensor cores multiply all of it. */
    boolean packed() {
      for (int i = 0; i < parts.size(); i++) {
        if (!parts.get(i).type().packed()) {
          return false;
        }
      }
      return true;
    }

    /** Whether tensor cores multiply some of it. */
    boolean anyPacked() {
      for (int i = 0; i < parts.size(); i++) {
        if (parts.get(i).type().packed()) {
          return true;
        }
      }
      return false;
    }

    /** Whether another is of the same types in the same rows. */
    boolean isKeptAs(Matrix other) {
      boolean alike = parts.size() == other.parts.size();
      for (int i = 0; alike && i < parts.size(); i++) {
        alike = parts.get(i).isKeptAs(other.parts.get(i));
      }
      return alike;
    }

    /** Whether its two halves can be multiplied by one kernel that gates one with the other. */
    boolean fuses() {
      return parts.size() == 1 && packed() && rows % (2 * Abi.TILE) == 0;
    }
  }

  /**
   * Rows of a matrix that are kept alike.
   *
   * @param type how
   * @param address where they lie
   * @param firstRow where they begin in the matrix
   * @param rows how many there are
   * @param columns the matrix's columns
   * @param stride as {@link MatrixType#stride}
   * @param segments as {@link MatrixType#segments}
   */
  record Part(
      MatrixType type,
      long address,
      int firstRow,
      int rows,
      int columns,
      int stride,
      int segments) {
    private boolean isKeptAs(Part other) {
      return type == other.type && rows == other.rows;
    }

    int rowTiles() {
      return Math.ceilDiv(rows, Abi.TILE);
    }
  }
}
