package dev.serval.gpu.compute;

import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import org.jspecify.annotations.Nullable;

/** Refuses what a backend is handed that it did not make, or that does not fit. */
final class CudaChecks {
  private final OperandChecks checks;

  CudaChecks(CudaBackend owner) {
    checks = new OperandChecks(owner);
  }

  CudaActivations rows(String role, Activations given) {
    return checks.own(role, given, CudaActivations.class, CudaActivations::owner);
  }

  CudaActivations rows(String role, Activations given, StepBatch batch, int columns) {
    CudaActivations rows = rows(role, given);
    OperandChecks.requireRows(role, rows, batch, columns);
    return rows;
  }

  /** Rows of F32. */
  CudaActivations floats(String role, Activations given, StepBatch batch, int columns) {
    return floats(role, rows(role, given, batch, columns));
  }

  /** Rows of F32. */
  CudaActivations floats(String role, Activations given) {
    return floats(role, rows(role, given));
  }

  private static CudaActivations floats(String role, CudaActivations rows) {
    if (rows.form() != CudaActivations.Form.ROWS) {
      throw new IllegalArgumentException(
          "the %s is a buffer of operands or gates where activations belong".formatted(role));
    }
    return rows;
  }

  CudaWeight.Matrix matrix(String role, Weight given) {
    return OperandChecks.matrix(role, own(role, given), CudaWeight.Matrix.class);
  }

  CudaWeight.Vector vector(String role, Weight given, int length) {
    return OperandChecks.vector(role, own(role, given), CudaWeight.Vector.class, length);
  }

  private CudaWeight own(String role, Weight given) {
    return checks.own(role, given, CudaWeight.class, CudaWeight::owner);
  }

  /** A gain, whose length is right; null for none. */
  CudaWeight.@Nullable Vector gain(String role, @Nullable Weight given) {
    return given == null ? null : vector(role, given, given.columns());
  }

  /** Where a vector lies; 0 for none. */
  long address(String role, @Nullable Weight given, int length) {
    return given == null ? 0 : vector(role, given, length).address();
  }

  CudaLogits logits(Logits given, int vocabulary, int wanted) {
    CudaLogits logits = checks.own("logits", given, CudaLogits.class, CudaLogits::owner);
    OperandChecks.requireRoom(logits, logits.maxRows(), vocabulary, wanted);
    return logits;
  }

  CudaExperts experts(ExpertLayer given) {
    return checks.own("experts", given, CudaExperts.class, CudaExperts::owner);
  }

  CudaKvMemory ours(KvMemory given) {
    return checks.own("KV memory", given, CudaKvMemory.class, CudaKvMemory::owner);
  }

  CudaKvMemory cache(KvMemory given, AttentionSpec spec, int layer) {
    CudaKvMemory kv = ours(given);
    OperandChecks.requireLayer(kv.layout(), spec, layer);
    return kv;
  }

  /** Where the states of a layer lie. */
  CudaKvMemory states(KvMemory given, long bytes, int state) {
    CudaKvMemory kv = ours(given);
    OperandChecks.requireState(kv.layout(), bytes, state);
    return kv;
  }

  /** Refuses tokens that have no embedding. */
  static void tokens(StepBatch batch, StepImage image, int vocabulary) {
    if (image.smallestToken() < 0 || image.largestToken() >= vocabulary) {
      OperandChecks.requireTokens(batch, vocabulary);
    }
  }

  /** Refuses positions that have no embedding. */
  static void positions(StepBatch batch, StepImage image, int positions) {
    if (image.longest() > positions) {
      OperandChecks.requirePositions(batch, positions);
    }
  }

  /** Refuses blocks that are not there, once for each step. */
  static void blocks(StepBatch batch, StepImage image, CudaKvMemory kv) {
    if (image.isCheckedFor(kv)) {
      return;
    }
    OperandChecks.requireTables(batch, kv.layout());
    if (image.smallestBlock() < 0 || image.largestBlock() >= kv.blocks()) {
      OperandChecks.requireBlocks(batch, kv);
    }
    image.checkedFor(kv);
  }
}
