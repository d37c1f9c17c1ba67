package dev.serval.models.cpu.memory;

import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Rows of F32 in native memory, one after the other.
 *
 * @param owner the backend that made them
 * @param maxRows the most rows
 * @param columns the width of a row
 * @param data the elements
 */
public record CpuActivations(ComputeBackend owner, int maxRows, int columns, MemorySegment data)
    implements Activations {
  /** Where buffers and vectors begin: at multiples of a cache line. */
  public static final int ALIGNMENT = 64;

  /** Where a row begins, in elements. */
  public long row(int row) {
    return (long) row * columns;
  }

  /** Has a row brought into the caches. */
  public void ask(Prefetch prefetch, int row) {
    prefetch.ask(data, row(row) * Float.BYTES, (long) columns * Float.BYTES);
  }

  /** Copies a row to the place of another. */
  public void move(int from, int to) {
    long bytes = (long) columns * Float.BYTES;
    MemorySegment.copy(data, from * bytes, data, to * bytes, bytes);
  }

  /** Multiplies a row in place. */
  public void scale(int row, float factor) {
    long end = row(row + 1);
    for (long at = row(row); at < end; at++) {
      set(at, at(at) * factor);
    }
  }

  /** Sets all elements of a row. */
  public void fill(int row, float value) {
    long end = row(row + 1);
    for (long at = row(row); at < end; at++) {
      set(at, value);
    }
  }

  /** An element. */
  public float at(long index) {
    return data.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  /** Sets an element. */
  public void set(long index, float value) {
    data.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
  }

  /** Sets consecutive elements. */
  public void set(long index, float[] values, int from, int count) {
    MemorySegment.copy(values, from, data, ValueLayout.JAVA_FLOAT, index * Float.BYTES, count);
  }
}
