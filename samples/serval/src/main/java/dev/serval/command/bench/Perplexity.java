package dev.serval.command.bench;

import dev.serval.api.LoadListener;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.Checkpoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * How surprised a model is by a text: the exponential of the mean of {@code -ln p(token)}. The text
 * is cut into windows that know nothing of each other, and of each the second half counts, so that
 * every token that counts has at least half a window before it; llama.cpp does the same.
 *
 * <p>Drives a model's executor itself, without an engine: some windows side by side, a token of
 * each in a step. Used by one thread.
 */
public final class Perplexity {
  private static final int SIDE_BY_SIDE = 8;

  private final ModelExecutor executor;
  private final StepBatch batch;
  private final int window;
  private final int blocks;

  /**
   * Loads a model.
   *
   * @param checkpoint an open checkpoint, which outlives this
   * @param family what runs it
   * @param backend where it runs, which outlives this
   * @param window tokens of a window, at least 4
   * @param kvType how keys and values are kept
   * @param listener hears how far loading has come
   */
  public Perplexity(
      Checkpoint checkpoint,
      ModelFamily family,
      ComputeBackend backend,
      int window,
      DType kvType,
      LoadListener listener) {
    this.window = window;
    int rows = Math.max(window, SIDE_BY_SIDE);
    ModelSpec spec = family.inspect(checkpoint);
    KvLayout layout = spec.kvLayout(spec.usualBlockTokens(kvType), kvType);
    blocks = layout.blocksFor(window);
    executor =
        family.load(
            checkpoint,
            backend,
            backend.kvMemory(layout, SIDE_BY_SIDE * blocks),
            new StepLimits(rows, SIDE_BY_SIDE),
            listener);
    batch = new StepBatch(rows, SIDE_BY_SIDE);
  }

  /**
   * Measures a text.
   *
   * @param windows its windows, each of as many tokens as was said
   * @return the perplexity
   */
  public double of(List<int[]> windows) {
    double sum = 0;
    for (int i = 0; i < windows.size(); i += SIDE_BY_SIDE) {
      sum += surprise(windows.subList(i, Math.min(i + SIDE_BY_SIDE, windows.size())));
    }
    return Math.exp(sum / ((double) windows.size() * (window - window / 2 - 1)));
  }

  private double surprise(List<int[]> group) {
    List<BlockTable> tables = new ArrayList<>();
    for (int[] tokens : group) {
      tables.add(table(tables.size()));
      batch.clear();
      batch.add(tokens, 0, window / 2, tables.getLast(), false);
      executor.execute(batch);
    }
    double sum = 0;
    for (int position = window / 2; position < window - 1; position++) {
      batch.clear();
      for (int i = 0; i < group.size(); i++) {
        batch.add(group.get(i), position, 1, tables.get(i), true);
      }
      Logits logits = executor.execute(batch);
      for (int i = 0; i < group.size(); i++) {
        sum -= logProbability(logits.row(i), logits.vocabulary(), group.get(i)[position + 1]);
      }
    }
    return sum;
  }

  private BlockTable table(int sequence) {
    BlockTable table = new BlockTable();
    for (int i = 0; i < blocks; i++) {
      table.add(sequence * blocks + i);
    }
    return table;
  }

  private static double logProbability(MemorySegment scores, int vocabulary, int token) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < vocabulary; i++) {
      largest = Math.max(largest, scores.getAtIndex(ValueLayout.JAVA_FLOAT, i));
    }
    double sum = 0;
    for (int i = 0; i < vocabulary; i++) {
      sum += Math.exp(scores.getAtIndex(ValueLayout.JAVA_FLOAT, i) - largest);
    }
    return scores.getAtIndex(ValueLayout.JAVA_FLOAT, token) - largest - Math.log(sum);
  }
}
