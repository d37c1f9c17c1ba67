package dev.serval.gpu.compute;

import dev.serval.api.compute.RotaryEmbedding;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** The tables of all rotary embeddings that were met. */
final class RotaryTables {
  private final DeviceAccess access;
  private final Supplier<GrowingBuffer> buffers;
  private final Map<RotaryEmbedding, Turns> byEmbedding = new HashMap<>();
  private final List<RotaryTable> all = new ArrayList<>();

  /**
   * None yet.
   *
   * @param buffers gives each table its room
   */
  RotaryTables(DeviceAccess access, Supplier<GrowingBuffer> buffers) {
    this.access = access;
    this.buffers = buffers;
  }

  /** The tables of one embedding, which are the same unless queries grow. */
  private record Turns(RotaryTable ofQueries, RotaryTable ofKeys) {}

  /** The address of a table for queries that has all positions below this one. */
  long ofQueries(RotaryEmbedding embedding, int positions) {
    return turns(embedding).ofQueries.covering(positions, access);
  }

  /** Of one for keys. */
  long ofKeys(RotaryEmbedding embedding, int positions) {
    return turns(embedding).ofKeys.covering(positions, access);
  }

  private Turns turns(RotaryEmbedding embedding) {
    Turns known = byEmbedding.get(embedding);
    if (known != null) {
      return known;
    }
    RotaryTable keys = table(embedding, false);
    Turns made = new Turns(embedding.queriesGrow() ? table(embedding, true) : keys, keys);
    byEmbedding.put(embedding, made);
    return made;
  }

  private RotaryTable table(RotaryEmbedding embedding, boolean growing) {
    RotaryTable table = new RotaryTable(embedding, growing, buffers.get());
    all.add(table);
    return table;
  }

  /** Has all tables cover all positions below this one. */
  void cover(int positions) {
    for (int i = 0; i < all.size(); i++) {
      all.get(i).covering(positions, access);
    }
  }
}
