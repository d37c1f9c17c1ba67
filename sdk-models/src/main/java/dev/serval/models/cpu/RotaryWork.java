package dev.serval.models.cpu;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Normalises and turns queries and keys, and writes keys and values to the cache. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class RotaryWork extends InputWork {
  private final RowKernel kernel;
  private final short[][] rounded;
  private StepBatch batch;
  private AttentionSpec spec;
  private RotaryTable ofQueries;
  private RotaryTable ofKeys;
  private CpuKvMemory kv;
  private int layer;

  RotaryWork(RowKernel kernel, Prefetch prefetch, int workers) {
    super(prefetch);
    this.kernel = kernel;
    rounded = new short[workers][0];
  }

  RotaryWork of(
      StepBatch step,
      CpuActivations rows,
      AttentionSpec rules,
      RotaryTable queryAngles,
      RotaryTable keyAngles,
      int cacheLayer,
      CpuKvMemory cache) {
    batch = step;
    in = rows;
    spec = rules;
    ofQueries = queryAngles;
    ofKeys = keyAngles;
    layer = cacheLayer;
    kv = cache;
    makeRoom();
    return this;
  }

  private void makeRoom() {
    int elements = 2 * spec.keyColumns();
    for (int worker = 0; worker < rounded.length && rounded[worker].length < elements; worker++) {
      rounded[worker] = new short[elements];
    }
  }

  @Override
  void row(int row, int worker) {
    long queries = in.row(row);
    long keys = queries + spec.queryColumns();
    turn(queries, spec.heads(), spec.queryNorm(), ofQueries, batch.position(row));
    turn(keys, spec.kvHeads(), spec.keyNorm(), ofKeys, batch.position(row));
    if (kv.layout().dtype() == DType.BF16) {
      kernel.round(in, keys, rounded[worker], 2 * spec.keyColumns());
    }
    store(row, keys, rounded[worker]);
  }

  private void turn(long first, int heads, @Nullable Weight gain, RotaryTable table, int position) {
    boolean ofEachHead = gain != null && spec.ofEachHead(gain);
    if (gain != null && !ofEachHead) {
      normalise(first, gain);
    }
    for (int head = 0; head < heads; head++) {
      long at = first + (long) head * spec.headDim();
      if (gain != null && ofEachHead) {
        normalise(at, gain);
      }
      table.turn(kernel, in, at, position);
    }
  }

  private void normalise(long at, Weight gain) {
    MemorySegment gains = ((CpuWeight.Vector) gain).data();
    kernel.normalise(in, at, gains, gain.columns(), spec.normEpsilon(), false, in, at);
  }

  private void store(int row, long keys, short[] bits) {
    KvLayout layout = kv.layout();
    BlockTable blocks = batch.blockTable(batch.sequenceOf(row));
    int position = batch.position(row);
    long block = blocks.block(position / layout.blockTokens()) * layout.blockBytes();
    int slot = position % layout.blockTokens();
    for (int head = 0; head < spec.kvHeads(); head++) {
      int key = head * spec.headDim();
      int value = key + spec.keyColumns();
      long keysAt = block + layout.keyOffset(layer, head);
      long valuesAt = block + layout.valueOffset(layer, head);
      if (layout.dtype() == DType.BF16) {
        kv.elements().writeKey(bits, key, keysAt, slot);
        kv.elements().writeValue(bits, value, valuesAt, slot);
      } else {
        kv.elements().writeKey(in, keys + key, keysAt, slot);
        kv.elements().writeValue(in, keys + value, valuesAt, slot);
      }
    }
  }
}
