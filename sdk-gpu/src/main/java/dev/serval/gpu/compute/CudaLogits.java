package dev.serval.gpu.compute;

import dev.serval.api.compute.Logits;
import dev.serval.api.compute.OperandChecks;
import dev.serval.gpu.driver.HostMemory;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** Scores on the device. A row comes to the host when it is asked for, once for each step. */
final class CudaLogits implements Logits {
  private final CudaBackend owner;
  private final CudaActivations scores;
  private final BitSet fetched;
  private @Nullable HostMemory host;
  private int rows;

  CudaLogits(CudaBackend owner, CudaActivations scores) {
    this.owner = owner;
    this.scores = scores;
    fetched = new BitSet(scores.maxRows());
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int vocabulary() {
    return scores.columns();
  }

  @Override
  public MemorySegment row(int row) {
    OperandChecks.requireRow(row, rows);
    HostMemory memory = hostMemory();
    long bytes = (long) vocabulary() * Float.BYTES;
    if (!fetched.get(row)) {
      long stride = (long) scores.stride() * Float.BYTES;
      owner.access().fetch(memory.address() + row * bytes, scores.address() + row * stride, bytes);
      fetched.set(row);
    }
    return memory.segment().asSlice(row * bytes, bytes);
  }

  private HostMemory hostMemory() {
    HostMemory memory = host;
    if (memory == null) {
      memory = owner.access().pinned((long) scores.maxRows() * vocabulary() * Float.BYTES);
      host = memory;
    }
    return memory;
  }

  CudaBackend owner() {
    return owner;
  }

  int maxRows() {
    return scores.maxRows();
  }

  CudaActivations scores() {
    return scores;
  }

  /** A step writes so many rows anew. */
  void rows(int count) {
    rows = count;
    changed();
  }

  /** What came to the host is no longer what is on the device. */
  void changed() {
    fetched.clear();
  }
}
