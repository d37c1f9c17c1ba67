package dev.serval.models.cpu;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import org.jspecify.annotations.Nullable;

/** Normalises and turns queries and keys, and writes keys and values to the cache. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class RotaryWork extends RowWork {
  private StepBatch batch;
  private CpuActivations qkv;
  private AttentionSpec spec;
  private RotaryTable table;
  private CpuKvMemory kv;
  private int layer;

  RotaryWork of(
      StepBatch step,
      CpuActivations rows,
      AttentionSpec rules,
      RotaryTable angles,
      int cacheLayer,
      CpuKvMemory cache) {
    batch = step;
    qkv = rows;
    spec = rules;
    table = angles;
    layer = cacheLayer;
    kv = cache;
    return this;
  }

  @Override
  void row(int row, int worker) {
    long queries = qkv.row(row);
    long keys = queries + spec.queryColumns();
    turn(queries, spec.heads(), spec.queryNorm(), batch.position(row));
    turn(keys, spec.kvHeads(), spec.keyNorm(), batch.position(row));
    store(row, keys, keys + spec.keyColumns());
  }

  private void turn(long first, int heads, @Nullable Weight gain, int position) {
    for (int head = 0; head < heads; head++) {
      long at = first + (long) head * spec.headDim();
      if (gain != null) {
        NormWork.normalise(qkv, at, (CpuWeight.Vector) gain, spec.normEpsilon(), qkv, at);
      }
      table.turn(qkv, at, position);
    }
  }

  private void store(int row, long keys, long values) {
    KvLayout layout = kv.layout();
    BlockTable blocks = batch.blockTable(batch.sequenceOf(row));
    int position = batch.position(row);
    long block = blocks.block(position / layout.blockTokens()) * layout.blockBytes();
    int slot = position % layout.blockTokens();
    for (int head = 0; head < spec.kvHeads(); head++) {
      long from = (long) head * spec.headDim();
      kv.elements().writeKey(qkv, keys + from, block + layout.keyOffset(layer, head), slot);
      kv.elements().writeValue(qkv, values + from, block + layout.valueOffset(layer, head), slot);
    }
  }
}
