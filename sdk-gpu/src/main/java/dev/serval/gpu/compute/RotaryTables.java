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
  private final Map<RotaryEmbedding, RotaryTable> byEmbedding = new HashMap<>();
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

  /** The address of a table that has all positions below this one. */
  long covering(RotaryEmbedding embedding, int positions) {
    RotaryTable table = byEmbedding.get(embedding);
    if (table == null) {
      table = new RotaryTable(embedding, buffers.get());
      byEmbedding.put(embedding, table);
      all.add(table);
    }
    return table.covering(positions, access);
  }

  /** Has all tables cover all positions below this one. */
  void cover(int positions) {
    for (int i = 0; i < all.size(); i++) {
      all.get(i).covering(positions, access);
    }
  }
}
