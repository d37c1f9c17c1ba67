package dev.serval.api.cache;

import dev.serval.api.compute.AttentionWindow;
import java.util.Arrays;
import java.util.List;

/**
 * How many blocks a sequence takes as it grows: one for so many tokens of each group of layers, and
 * no more of those with a window than that and a step reach over.
 */
public final class KvDemand {
  private final int blockTokens;
  private final int ahead;
  private final int lasting;
  private final AttentionWindow[] windows;
  private final int[] most;

  /**
   * Of a sequence.
   *
   * @param blockTokens tokens of a block
   * @param groups which positions queries of each group's layers see
   * @param ahead for how many tokens that are not computed yet there are blocks at most
   */
  public KvDemand(int blockTokens, List<AttentionWindow> groups, int ahead) {
    this.blockTokens = blockTokens;
    this.ahead = ahead;
    windows =
        groups.stream()
            .filter(window -> window.positions() < Integer.MAX_VALUE)
            .toArray(AttentionWindow[]::new);
    lasting = groups.size() - windows.length;
    most = new int[windows.length];
    for (int i = 0; i < most.length; i++) {
      // Of a run of n tokens, the first may be the last of its block.
      long tokens = (long) windows[i].positions() - 1 + ahead;
      most[i] = (int) Math.min(Math.ceilDiv(tokens - 1, (long) blockTokens) + 1, Integer.MAX_VALUE);
    }
  }

  /**
   * Where all layers see everything.
   *
   * @param blockTokens tokens of a block
   * @return a block for so many tokens
   */
  public static KvDemand ofAll(int blockTokens) {
    return new KvDemand(blockTokens, List.of(AttentionWindow.NONE), Integer.MAX_VALUE);
  }

  /**
   * How many blocks are enough for a sequence from its beginning on.
   *
   * @param tokens its tokens in the end
   * @return the most that it holds at a time
   */
  public int blocks(int tokens) {
    int whole = Math.ceilDiv(tokens, blockTokens);
    long blocks = (long) lasting * whole;
    for (int passing : most) {
      blocks += Math.min(whole, passing);
    }
    return (int) Math.min(blocks, Integer.MAX_VALUE);
  }

  /**
   * How many blocks of groups with a window are enough for a sequence, however long it is.
   *
   * @return the most that it holds at a time
   */
  public int passing() {
    return (int) Math.min(Arrays.stream(most).asLongStream().sum(), Integer.MAX_VALUE);
  }

  /**
   * How many blocks a sequence holds that decodes, on average: the last of each group is half full,
   * and where a window has moved on, it begins anywhere in its first block.
   *
   * @param tokens its tokens
   * @return the number
   */
  public double mean(double tokens) {
    double whole = tokens / blockTokens + 0.5;
    double blocks = lasting * whole;
    for (AttentionWindow window : windows) {
      blocks += Math.min(whole, (window.positions() - 1.0) / blockTokens + 1);
    }
    return blocks;
  }

  /**
   * How long a sequence may become.
   *
   * @param blocks how many blocks there are
   * @param limit the most that is asked for
   * @return the most tokens up to the limit for which the blocks are enough
   */
  public int longest(int blocks, int limit) {
    int enough = 0;
    int most = limit;
    while (enough < most) {
      int tokens = most - (most - enough) / 2;
      if (blocks(tokens) <= blocks) {
        enough = tokens;
      } else {
        most = tokens - 1;
      }
    }
    return enough;
  }

  /**
   * How far a step reaches.
   *
   * @return for how many tokens that are not computed yet there are blocks at most
   */
  public int ahead() {
    return ahead;
  }
}
