package dev.serval.models.cpu.attention;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.linear.CpuWeight;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.CpuKvMemory;
import dev.serval.models.cpu.memory.KvElements;
import dev.serval.models.cpu.memory.Prefetch;
import dev.serval.models.cpu.row.RowKernel;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Normalises and turns queries and keys, and writes keys and values to the cache. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class RotaryWork extends InputWork {
  private final RowKernel kernel;
  private final short[][] rounded;
  private StepBatch batch;
  private AttentionSpec spec;
  private RotaryTable ofQueries;
  private RotaryTable ofKeys;
  private CpuKvMemory kv;
  private int layer;
  private long layerOffset;

  public RotaryWork(RowKernel kernel, Prefetch prefetch, int workers) {
    super(prefetch);
    this.kernel = kernel;
    rounded = new short[workers][0];
  }

  public RotaryWork of(
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
    layerOffset = cache.layout().layerOffset(cacheLayer);
    makeRoom();
    return this;
  }

  private void makeRoom() {
    int elements = stored();
    for (int worker = 0; worker < rounded.length && rounded[worker].length < elements; worker++) {
      rounded[worker] = new short[elements];
    }
  }

  /** How many columns of a row are keys and values. */
  private int stored() {
    return spec.inputColumns() - spec.queryColumns();
  }

  @Override
  protected void row(int row, int worker) {
    long queries = in.row(row);
    long keys = queries + spec.queryColumns();
    turn(queries, spec.heads(), spec.queryNorm(), ofQueries, batch.position(row));
    if (!spec.stores()) {
      return;
    }
    turn(keys, spec.kvHeads(), spec.keyNorm(), ofKeys, batch.position(row));
    normaliseValues(keys + spec.keyColumns());
    if (kv.layout().dtype() == DType.BF16) {
      kernel.round(in, keys, rounded[worker], stored());
    }
    store(row, keys, rounded[worker]);
  }

  private void turn(long first, int heads, @Nullable Weight gain, RotaryTable table, int position) {
    boolean ofEachHead = gain != null && spec.ofEachHead(gain);
    if (gain != null && !ofEachHead) {
      normalise(first, gain);
    }
    boolean behind = spec.normsBehindRotation();
    Weight before = ofEachHead && !behind ? gain : null;
    Weight after = ofEachHead && behind ? gain : null;
    for (int head = 0; head < heads; head++) {
      long at = first + (long) head * spec.headDim();
      if (before != null) {
        normalise(at, before);
      }
      table.turn(kernel, in, at + spec.turnedFrom(), position);
      if (after != null) {
        normalise(at, after);
      }
    }
  }

  private void normaliseValues(long first) {
    Weight gain = spec.valueNorm();
    if (gain == null) {
      return;
    }
    for (int head = 0; head < spec.kvHeads(); head++) {
      normalise(first + (long) head * spec.valueDim(), gain);
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
    long block = blocks.block(layout.entry(layer, position)) * layout.blockBytes();
    int slot = position % layout.blockTokens();
    KvElements elements = kv.elements().get(layer);
    long keysAt = block + layerOffset;
    long valuesAt = keysAt + layout.valuesOffset(layer);
    for (int head = 0; head < spec.kvHeads(); head++) {
      int key = head * spec.headDim();
      int value = spec.latent() ? key : spec.keyColumns() + head * spec.valueDim();
      if (layout.dtype() == DType.BF16) {
        elements.writeKey(bits, key, keysAt, slot);
        elements.writeValue(bits, value, valuesAt, slot);
      } else {
        elements.writeKey(in, keys + key, keysAt, slot);
        elements.writeValue(in, keys + value, valuesAt, slot);
      }
      keysAt += layout.keyBytes(layer);
      valuesAt += layout.valueBytes(layer);
    }
  }
}
