package dev.serval.testkit.models;

import dev.serval.api.Bytes;
import dev.serval.api.Sampling;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvShape;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.TokenSampler;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A model that recalls everything: its next token is a hash over all tokens so far, each read back
 * from KV memory through the sequence's block table. One slot of one block that is stale, another's
 * or in the wrong place, and the text goes astray. What it should say is {@link #continuation}.
 *
 * <p>It may have layers with windows, each of which recalls what its window leaves.
 */
public final class RecallModel implements ModelExecutor {
  private final int vocabulary;
  private final List<AttentionWindow> windows;
  private final KvLayout layout;
  private final long[] memory;
  private final OneHot logits;
  private final Kept recall = this::recall;
  private BlockTable recalled = BlockTable.EMPTY;

  /**
   * With KV memory of its own.
   *
   * @param vocabulary how many tokens there are
   * @param blocks how many KV blocks it has
   * @param blockTokens how many tokens a block holds
   * @param maxLogitRows how many rows of logits a step has at most
   */
  public RecallModel(int vocabulary, int blocks, int blockTokens, int maxLogitRows) {
    this(vocabulary, blocks, blockTokens, maxLogitRows, List.of(AttentionWindow.NONE));
  }

  /**
   * With layers of several kinds, and KV memory of its own.
   *
   * @param vocabulary how many tokens there are
   * @param blocks how many KV blocks it has
   * @param blockTokens how many tokens a block holds
   * @param maxLogitRows how many rows of logits a step has at most
   * @param windows what each layer sees; all of them are different
   */
  public RecallModel(
      int vocabulary,
      int blocks,
      int blockTokens,
      int maxLogitRows,
      List<AttentionWindow> windows) {
    this.vocabulary = vocabulary;
    this.windows = List.copyOf(windows);
    KvShape one = new KvShape(1, 1);
    layout = new KvLayout(windows.stream().map(one::within).toList(), blockTokens, DType.F32);
    memory = new long[blocks * blockTokens];
    Arrays.fill(memory, -1);
    logits = new OneHot(maxLogitRows, vocabulary);
  }

  /**
   * What the model says after a prompt.
   *
   * @param vocabulary how many tokens there are
   * @param prompt the prompt
   * @param count how many tokens to say
   * @return the tokens
   */
  public static int[] continuation(int vocabulary, int[] prompt, int count) {
    return continuation(vocabulary, List.of(AttentionWindow.NONE), prompt, count);
  }

  /**
   * What a model with layers of several kinds says after a prompt.
   *
   * @param vocabulary how many tokens there are
   * @param windows what each layer sees
   * @param prompt the prompt
   * @param count how many tokens to say
   * @return the tokens
   */
  public static int[] continuation(
      int vocabulary, List<AttentionWindow> windows, int[] prompt, int count) {
    int[] tokens = Arrays.copyOf(prompt, prompt.length + count);
    for (int position = prompt.length; position < tokens.length; position++) {
      long hash = hash(windows, position - 1, (layer, seen) -> entry(tokens[seen], seen));
      tokens[position] = next(hash, vocabulary);
    }
    return Arrays.copyOfRange(tokens, prompt.length, tokens.length);
  }

  /**
   * How its blocks are laid out, for the books; the blocks hold no such numbers.
   *
   * @return a layout of as many slots as its blocks have
   */
  public KvLayout layout() {
    return layout;
  }

  /**
   * Room for blocks outside of its KV memory. What is asked for ahead is done as late as can be.
   *
   * @param slots for how many
   * @return the room
   */
  public KvSwap swap(int slots) {
    int size = layout.blockTokens();
    long[] room = new long[slots * size];
    List<Runnable> early = new ArrayList<>();
    return new KvSwap() {
      @Override
      public int slots() {
        return slots;
      }

      @Override
      public void save(int block, int slot) {
        System.arraycopy(memory, block * size, room, slot * size, size);
      }

      @Override
      public void saveAhead(int block, int slot) {
        early.add(() -> save(block, slot));
      }

      @Override
      public void loadAhead(int slot, int block) {
        early.add(() -> load(slot, block));
      }

      @Override
      public void settle() {
        early.forEach(Runnable::run);
        early.clear();
      }

      @Override
      public void load(int slot, int block) {
        System.arraycopy(room, slot * size, memory, block * size, size);
      }
    };
  }

  @Override
  public ModelSpec spec() {
    return new ModelSpec(
        "recall",
        vocabulary,
        Integer.MAX_VALUE,
        1,
        0,
        layout.layers(),
        layout.states(),
        1,
        1,
        0,
        Bytes.ZERO);
  }

  @Override
  public NumericsId numerics() {
    return new NumericsId("recall-1");
  }

  @Override
  public boolean verifiesDrafts() {
    return true;
  }

  @Override
  public Logits execute(StepBatch batch) {
    for (int row = 0; row < batch.rows(); row++) {
      int position = batch.position(row);
      BlockTable table = batch.blockTable(batch.sequenceOf(row));
      for (int layer = 0; layer < windows.size(); layer++) {
        memory[slot(table, layer, position)] = entry(batch.token(row), position);
      }
    }
    logits.clear();
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      int end = batch.firstRow(sequence + 1);
      for (int row = batch.firstWantedRow(sequence); row < end; row++) {
        recalled = batch.blockTable(sequence);
        logits.add(next(hash(windows, batch.position(row), recall), vocabulary));
      }
    }
    return logits;
  }

  /** What a layer keeps of a position. */
  @FunctionalInterface
  private interface Kept {
    long of(int layer, int position);
  }

  private static long hash(List<AttentionWindow> windows, int last, Kept kept) {
    long all = 0;
    for (int layer = 0; layer < windows.size(); layer++) {
      long hash = 0;
      for (int seen = windows.get(layer).firstSeen(last); seen <= last; seen++) {
        hash = extend(hash, kept.of(layer, seen));
      }
      all = layer == 0 ? hash : extend(all, hash);
    }
    return all;
  }

  private long recall(int layer, int position) {
    return memory[slot(recalled, layer, position)];
  }

  private int slot(BlockTable table, int layer, int position) {
    int entry = layout.entry(layer, position);
    if (entry >= table.size() || table.block(entry) == BlockTable.NONE) {
      throw new IllegalStateException(
          "position %d of layer %d has no block; there are %d of %d"
              .formatted(position, layer, table.held(), table.size()));
    }
    return table.block(entry) * layout.blockTokens() + position % layout.blockTokens();
  }

  private static long entry(int token, int position) {
    return (long) position << 32 | token;
  }

  private static long extend(long hash, long entry) {
    long mixed = (hash ^ entry) * 0x9E3779B97F4A7C15L;
    return mixed ^ (mixed >>> 29);
  }

  private static int next(long hash, int vocabulary) {
    return (int) Math.floorMod(hash, (long) vocabulary);
  }

  /** Draws the largest logit; alternatives are the tokens that follow it by number. */
  @Override
  public TokenSampler sampler(Sampling sampling, long seed, int[] prompt, int alternatives) {
    return (scores, row, out) -> {
      int token = argmax(scores.row(row));
      out.set(token, alternatives < 0 ? Float.NaN : 0);
      for (int i = 1; i <= alternatives; i++) {
        out.addAlternative((token + i) % vocabulary, Float.NEGATIVE_INFINITY);
      }
    };
  }

  private int argmax(MemorySegment row) {
    int best = 0;
    for (int i = 1; i < vocabulary; i++) {
      if (row.getAtIndex(ValueLayout.JAVA_FLOAT, i)
          > row.getAtIndex(ValueLayout.JAVA_FLOAT, best)) {
        best = i;
      }
    }
    return best;
  }

  /** Rows of zeros with a one at the token that comes next. */
  private static final class OneHot implements Logits {
    private final float[] scores;
    private final MemorySegment[] segments;
    private final int vocabulary;
    private int rows;

    OneHot(int maxRows, int vocabulary) {
      this.vocabulary = vocabulary;
      scores = new float[maxRows * vocabulary];
      segments = new MemorySegment[maxRows];
      for (int row = 0; row < maxRows; row++) {
        long from = (long) row * vocabulary * Float.BYTES;
        segments[row] =
            MemorySegment.ofArray(scores).asSlice(from, (long) vocabulary * Float.BYTES);
      }
    }

    void clear() {
      Arrays.fill(scores, 0, rows * vocabulary, 0);
      rows = 0;
    }

    void add(int token) {
      scores[rows++ * vocabulary + token] = 1;
    }

    @Override
    public int rows() {
      return rows;
    }

    @Override
    public int vocabulary() {
      return vocabulary;
    }

    @Override
    public MemorySegment row(int row) {
      return segments[row];
    }
  }
}
