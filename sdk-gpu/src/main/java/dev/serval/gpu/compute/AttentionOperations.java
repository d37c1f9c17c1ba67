package dev.serval.gpu.compute;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.compute.StepBatch;
import org.jspecify.annotations.Nullable;

/** Attention, and what it attends to. */
final class AttentionOperations {
  private final CudaChecks checks;
  private final RowKernels rows;
  private final AttentionKernels kernels;
  private final RotaryTables turns;
  private final StepLaunches launches;

  /** On a backend's stream. */
  AttentionOperations(
      CudaChecks checks,
      RowKernels rows,
      AttentionKernels kernels,
      RotaryTables turns,
      StepLaunches launches) {
    this.checks = checks;
    this.rows = rows;
    this.kernels = kernels;
    this.turns = turns;
    this.launches = launches;
  }

  /** Refuses blocks of which kernels can keep nothing. */
  void requireKept(KvLayout layout) {
    if (!kernels.keeps(layout.dtype())) {
      throw new IllegalArgumentException(
          "KV memory is of type F32, F16, BF16 or Q8_0, not " + layout.dtype());
    }
    for (KvShape layer : layout.layers()) {
      if (Math.max(layer.keyDim(), layer.valueDim()) > AttentionKernels.widestHead()) {
        throw new IllegalArgumentException(
            "a head has at most %d dimensions on a GPU, unlike %s"
                .formatted(AttentionKernels.widestHead(), layer));
      }
    }
  }

  /** Turns queries and keys, and writes keys and values to blocks. */
  void store(StepBatch batch, Activations qkv, AttentionSpec spec, int layer, KvMemory kv) {
    CudaActivations input =
        checks.floats("queries, keys and values", qkv, batch, spec.inputColumns());
    CudaKvMemory cache = checks.cache(kv, spec, layer);
    OperandChecks.requireNorms(spec);
    CudaWeight.@Nullable Vector queryGain = checks.gain("query norm", spec.queryNorm());
    CudaWeight.@Nullable Vector keyGain = checks.gain("key norm", spec.keyNorm());
    long valueNorm = checks.address("value norm", spec.valueNorm(), spec.valueDim());
    StepImage image = launches.stage(batch, cache);
    long queryTurns = turns.ofQueries(spec.rotary(), image.longest());
    long keyTurns = turns.ofKeys(spec.rotary(), image.longest());
    long queryNorm = gainOfHeads(input, 0, queryGain, spec);
    long keyNorm = gainOfHeads(input, spec.queryColumns(), keyGain, spec);
    kernels.store(input, spec, queryNorm, keyNorm, valueNorm, queryTurns, keyTurns, layer, cache);
  }

  /** Where the gain of each head lies; 0 if there is none, or once all heads are normalised. */
  private long gainOfHeads(
      CudaActivations qkv, int from, CudaWeight.@Nullable Vector gain, AttentionSpec spec) {
    if (gain == null) {
      return 0;
    }
    if (spec.ofEachHead(gain)) {
      return gain.address();
    }
    rows.normPart(qkv, qkv, from, gain, spec.normEpsilon());
    return 0;
  }

  /** Attends to what blocks hold. */
  void attend(
      StepBatch batch,
      Activations qkv,
      AttentionSpec spec,
      int layer,
      KvMemory kv,
      Activations out) {
    CudaActivations input =
        checks.floats("queries, keys and values", qkv, batch, spec.inputColumns());
    CudaActivations output = checks.rows("output", out, batch, spec.outputColumns());
    CudaKvMemory cache = checks.cache(kv, spec, layer);
    long sinks = checks.address("sinks", spec.sinks(), spec.heads());
    StepImage image = launches.stage(batch, AttentionKernels.tileRows(spec));
    CudaChecks.blocks(batch, image, cache);
    kernels.attend(input, spec, sinks, layer, cache, output);
  }
}
