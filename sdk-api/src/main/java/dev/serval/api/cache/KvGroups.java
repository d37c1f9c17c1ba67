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
   * one size: that of all layers of the kind that has least, and of as many layers of the other kinds
   * as that has room for. Gemma 3 with one layer in six that sees everything has a group of those and
   * five or six of the others. What is left over in a kind's last group is lost.
   *
   * After vLLM's hybrid KV cache manager (https://docs.vllm.ai, "Hybrid KV Cache Manager").
   */
  private static final int MOST_GROUPS = 16;

  private final List<AttentionWindow> windows = new ArrayList<>();
  private final int[] group;
  private final long[] offset;
  private long blockBytes;

  /**
   * Groups of layers.
   *
   * @param layers what each keeps
   * @param bytes how much that is of a block's tokens
   * @param together whether all are to be in one group, whatever their queries see
   */
  KvGroups(List<KvShape> layers, long[] bytes, boolean together) {
    group = new int[layers.size()];
    offset = new long[layers.size()];
    Map<AttentionWindow, List<Integer>> kinds = new LinkedHashMap<>();
    for (int layer = 0; layer < layers.size(); layer++) {
      AttentionWindow window = together ? AttentionWindow.NONE : layers.get(layer).window();
      kinds.computeIfAbsent(window, _ -> new ArrayList<>()).add(layer);
    }
    long room = room(kinds, bytes);
    kinds.forEach((window, kind) -> fill(window, kind, bytes, room));
  }

  private static long room(Map<AttentionWindow, List<Integer>> kinds, long[] bytes) {
    long least =
        kinds.values().stream()
            .mapToLong(kind -> kind.stream().mapToLong(layer -> bytes[layer]).sum())
            .min()
            .orElseThrow();
    long all = Arrays.stream(bytes).sum();
    long largest = Arrays.stream(bytes).max().orElseThrow();
    return Math.max(Math.max(least, largest), Math.ceilDiv(all, MOST_GROUPS));
  }

  private void fill(AttentionWindow window, List<Integer> kind, long[] bytes, long room) {
    long filled = room;
    for (int layer : kind) {
      if (filled + bytes[layer] > room) {
        windows.add(window);
        filled = 0;
      }
      group[layer] = windows.size() - 1;
      offset[layer] = filled;
      filled += bytes[layer];
      blockBytes = Math.max(blockBytes, filled);
    }
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
