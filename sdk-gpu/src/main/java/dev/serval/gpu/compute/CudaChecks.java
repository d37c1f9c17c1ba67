package dev.serval.gpu.compute;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import org.jspecify.annotations.Nullable;

/** Refuses what a backend is handed that it did not make, or that does not fit. */
final class CudaChecks {
  private final CudaBackend owner;

  CudaChecks(CudaBackend owner) {
    this.owner = owner;
  }

  CudaActivations rows(String role, Activations given, StepBatch batch, int columns) {
    if (!(given instanceof CudaActivations rows) || rows.owner() != owner) {
      throw foreign(role);
    }
    if (rows.columns() != columns || rows.maxRows() < batch.rows()) {
      throw new IllegalArgumentException(
          "the %s of %d rows and %d columns does not hold the step's %d rows and %d columns"
              .formatted(role, rows.maxRows(), rows.columns(), batch.rows(), columns));
    }
    return rows;
  }

  /** Rows of F32. */
  CudaActivations floats(String role, Activations given, StepBatch batch, int columns) {
    CudaActivations rows = rows(role, given, batch, columns);
    if (rows.form() != CudaActivations.Form.ROWS) {
      throw new IllegalArgumentException(
          "the %s is a buffer of operands or gates where activations belong".formatted(role));
    }
    return rows;
  }

  CudaWeight.Matrix matrix(String role, Weight given) {
    if (!(given instanceof CudaWeight weight) || weight.owner() != owner) {
      throw foreign(role);
    }
    if (!(weight instanceof CudaWeight.Matrix matrix)) {
      throw new IllegalArgumentException("the " + role + " is a vector where a matrix belongs");
    }
    return matrix;
  }

  CudaWeight.Vector vector(String role, Weight given, int length) {
    if (!(given instanceof CudaWeight weight) || weight.owner() != owner) {
      throw foreign(role);
    }
    if (!(weight instanceof CudaWeight.Vector vector) || vector.columns() != length) {
      throw new IllegalArgumentException(
          "the %s is a vector of %d elements, not %d × %d"
              .formatted(role, length, weight.rows(), weight.columns()));
    }
    return vector;
  }

  /** Where a vector lies; 0 for none. */
  long address(String role, @Nullable Weight given, int length) {
    return given == null ? 0 : vector(role, given, length).address();
  }

  CudaLogits logits(Logits given, int vocabulary, int wanted) {
    if (!(given instanceof CudaLogits logits) || logits.owner() != owner) {
      throw foreign("logits");
    }
    if (logits.vocabulary() != vocabulary || logits.maxRows() < wanted) {
      throw new IllegalArgumentException(
          "room for %d rows of %d logits does not hold %d rows of %d"
              .formatted(logits.maxRows(), logits.vocabulary(), wanted, vocabulary));
    }
    return logits;
  }

  CudaKvMemory cache(KvMemory given, AttentionSpec spec, int layer) {
    if (!(given instanceof CudaKvMemory kv) || kv.owner() != owner) {
      throw foreign("KV memory");
    }
    KvLayout layout = kv.layout();
    if (layout.kvHeads() != spec.kvHeads()
        || layout.headDim() != spec.headDim()
        || layer < 0
        || layer >= layout.layers()) {
      throw new IllegalArgumentException(
          "layer %d with %d key heads of %d does not fit %s"
              .formatted(layer, spec.kvHeads(), spec.headDim(), layout));
    }
    return kv;
  }

  /** Refuses tokens that have no embedding. */
  static void tokens(StepBatch batch, StepImage image, int vocabulary) {
    if (image.smallestToken() >= 0 && image.largestToken() < vocabulary) {
      return;
    }
    for (int row = 0; row < batch.rows(); row++) {
      if (batch.token(row) < 0 || batch.token(row) >= vocabulary) {
        throw new IllegalArgumentException(
            "row %d of the step is token %d, outside the vocabulary of %d"
                .formatted(row, batch.token(row), vocabulary));
      }
    }
  }

  /** Refuses blocks that are not there. */
  static void blocks(StepBatch batch, StepImage image, CudaKvMemory kv) {
    boolean within = image.smallestBlock() >= 0 && image.largestBlock() < kv.blocks();
    for (int i = 0; i < batch.sequences(); i++) {
      int tokens = batch.position(batch.firstRow(i + 1) - 1) + 1;
      int needed = kv.layout().blocksFor(tokens);
      BlockTable table = batch.blockTable(i);
      if (table.size() < needed) {
        throw new IllegalArgumentException(
            "a sequence of %d tokens needs %d KV blocks and has %d"
                .formatted(tokens, needed, table.size()));
      }
      if (!within) {
        blocks(table, needed, kv.blocks());
      }
    }
  }

  private static void blocks(BlockTable table, int needed, int blocks) {
    for (int i = 0; i < needed; i++) {
      if (table.block(i) < 0 || table.block(i) >= blocks) {
        throw new IllegalArgumentException(
            "there is no KV block %d among the %d of this memory"
                .formatted(table.block(i), blocks));
      }
    }
  }

  private IllegalArgumentException foreign(String role) {
    return new IllegalArgumentException(
        "the " + role + " was made by another backend than " + owner.description());
  }
}
