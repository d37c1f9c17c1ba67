package dev.serval.api.cache;

import dev.serval.api.compute.AttentionWindow;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Which layers share a block, and where each begins in it. */
final class KvGroups {
  /*
   * Layers whose queries see the same positions can let go of the same ones, so blocks hold what such
   * layers keep, and no others. That blocks of all of them can be taken from one supply, they are of
   * one size. Whatever that is, a kind's last group has fewer layers perhaps, and what is left over of
   * its blocks is lost. So of the sizes in which the first layers of a kind just fit, or all of it, the
   * one is taken with which a sequence's blocks take the least. A group that sees everything counts 16
   * times, as it has that many more blocks in a long context, and each group more as if all took a 64th
   * more, since it lengthens block tables and has keys of its own. Gemma 3 with one layer in six that
   * sees everything has a group of those and five or six of the others.
   *
   * After vLLM's hybrid KV cache manager (https://docs.vllm.ai, "Hybrid KV Cache Manager").
   */
  private static final int MOST_GROUPS = 16;
  private static final int LASTING_BLOCKS = 16;
  private static final double MORE_FOR_A_GROUP = 1.0 / 64;

  /** Layers of one kind can be in one group. */
  private record Kind(AttentionWindow window, boolean states) {
    boolean isWindowed() {
      return window.positions() < Integer.MAX_VALUE;
    }
  }

  private final List<AttentionWindow> windows = new ArrayList<>();
  private final int[] group;
  private final long[] offset;
  private long blockBytes;

  /**
   * Groups of layers.
   *
   * @param seen which positions queries of each layer see, of those with a state behind all others
   * @param bytes how much each keeps of a block's tokens
   * @param states how many of them have a state
   */
  KvGroups(List<AttentionWindow> seen, long[] bytes, int states) {
    group = new int[seen.size()];
    offset = new long[seen.size()];
    Map<Kind, List<Integer>> kinds = new LinkedHashMap<>();
    for (int layer = 0; layer < seen.size(); layer++) {
      Kind kind = new Kind(seen.get(layer), layer >= seen.size() - states);
      kinds.computeIfAbsent(kind, _ -> new ArrayList<>()).add(layer);
    }
    long room = room(kinds, bytes);
    kinds.forEach((kind, layers) ->
        packed(layers, bytes, room).forEach(some -> place(kind.window(), some, bytes)));
  }

  private static long room(Map<Kind, List<Integer>> kinds, long[] bytes) {
    long least = Arrays.stream(bytes).max().orElseThrow();
    long best = 0;
    double bestCost = Double.POSITIVE_INFINITY;
    for (List<Integer> kind : kinds.values()) {
      long room = 0;
      for (int layer : kind) {
        room += bytes[layer];
        double cost = room < least ? Double.POSITIVE_INFINITY : cost(kinds, bytes, room);
        if (cost < bestCost) {
          best = room;
          bestCost = cost;
        }
      }
    }
    return best;
  }

  /** Infinite for many groups, unless each kind has one. */
  private static double cost(Map<Kind, List<Integer>> kinds, long[] bytes, long room) {
    int groups = 0;
    double blocks = 0;
    for (Map.Entry<Kind, List<Integer>> kind : kinds.entrySet()) {
      int count = packed(kind.getValue(), bytes, room).size();
      groups += count;
      blocks += count * (kind.getKey().isWindowed() ? 1 : LASTING_BLOCKS);
    }
    return groups > Math.max(MOST_GROUPS, kinds.size())
        ? Double.POSITIVE_INFINITY
        : room * blocks * (1 + groups * MORE_FOR_A_GROUP);
  }

  /** Layers of one kind, in groups for which there is room. */
  private static List<List<Integer>> packed(List<Integer> kind, long[] bytes, long room) {
    List<List<Integer>> groups = new ArrayList<>();
    long filled = room;
    for (int layer : kind) {
      if (groups.isEmpty() || filled + bytes[layer] > room) {
        groups.add(new ArrayList<>());
        filled = 0;
      }
      groups.getLast().add(layer);
      filled += bytes[layer];
    }
    return groups;
  }

  private void place(AttentionWindow window, List<Integer> layers, long[] bytes) {
    long filled = 0;
    for (int layer : layers) {
      group[layer] = windows.size();
      offset[layer] = filled;
      filled += bytes[layer];
    }
    windows.add(window);
    blockBytes = Math.max(blockBytes, filled);
  }

  List<AttentionWindow> windows() {
    return windows;
  }

  int group(int layer) {
    return group[layer];
  }

  long offset(int layer) {
    return offset[layer];
  }

  /** How much the largest group keeps of a block's tokens. */
  long blockBytes() {
    return blockBytes;
  }
}
