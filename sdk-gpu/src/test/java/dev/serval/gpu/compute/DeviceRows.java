package dev.serval.gpu.compute;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.gpu.driver.HostMemory;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/** Brings rows to a backend and back. */
final class DeviceRows {
  private DeviceRows() {}

  /** One sequence of these tokens, which has no blocks. */
  static StepBatch step(int... tokens) {
    StepBatch batch = new StepBatch(tokens.length, 1);
    batch.add(tokens, 0, tokens.length, BlockTable.EMPTY, true);
    return batch;
  }

  /** Rows of a table. */
  static Activations of(CudaBackend backend, Weight table, int... tokens) {
    Activations rows = backend.activations(tokens.length, table.columns());
    backend.embed(step(tokens), table, rows);
    return rows;
  }

  /** The first rows of some activations. */
  static float[][] values(CudaBackend backend, Activations given, int count) {
    CudaActivations rows = (CudaActivations) given;
    long rowBytes = (long) rows.stride() * Float.BYTES;
    try (HostMemory target = backend.access().pinned(rowBytes * count)) {
      backend.access().fetch(target.address(), rows.address(), rowBytes * count);
      return IntStream.range(0, count)
          .mapToObj(row ->
              target
                  .segment()
                  .asSlice(row * rowBytes, (long) rows.columns() * Float.BYTES)
                  .toArray(ValueLayout.JAVA_FLOAT))
          .toArray(float[][]::new);
    }
  }
}
