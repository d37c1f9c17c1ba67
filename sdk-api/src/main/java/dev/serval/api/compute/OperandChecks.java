package dev.serval.api.compute;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.KvShape;
import dev.serval.api.cache.StateShape;
import dev.serval.api.storage.StoredTensor;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What a backend requires of what it is handed: that it made it, and that it fits the step. Each
 * check throws an {@link IllegalArgumentException} that names the thing by its role. For those who
 * implement a {@link ComputeBackend}.
 */
public final class OperandChecks {
  /** The most buffers of rows that are mixed with each other. */
  public static final int MOST_MIXED = 8;

  /** Parts of rows begin at multiples of so many columns, so that backends can read as many. */
  private static final int TOGETHER = 4;

  private final ComputeBackend backend;

  /**
   * Checks of one backend.
   *
   * @param backend who must have made what is checked
   */
  public OperandChecks(ComputeBackend backend) {
    this.backend = backend;
  }

  /**
   * Requires that this backend made something.
   *
   * @param <T> how the backend keeps such things
   * @param role what it is handed as
   * @param given what was handed over
   * @param type how the backend keeps such things
   * @param owner tells who made one
   * @return what was handed over
   */
  public <T> T own(
      String role,
      Object given,
      Class<T> type,
      Function<? super T, ? extends ComputeBackend> owner) {
    if (type.isInstance(given)) {
      T thing = type.cast(given);
      if (owner.apply(thing).equals(backend)) {
        return thing;
      }
    }
    throw new IllegalArgumentException(
        "the " + role + " was made by another backend than " + backend.description());
  }

  /**
   * Requires that a buffer can be made.
   *
   * @param maxRows the most rows
   * @param columns the width of a row
   */
  public static void requireShape(int maxRows, int columns) {
    if (maxRows < 1 || columns < 1) {
      throw new IllegalArgumentException(
          "a buffer has at least 1 row and 1 column, unlike %d and %d".formatted(maxRows, columns));
    }
  }

  /**
   * Requires that KV memory can be made.
   *
   * @param blocks how many blocks
   */
  public static void requireBlocks(int blocks) {
    if (blocks < 1) {
      throw new IllegalArgumentException("KV memory has at least 1 block, not " + blocks);
    }
  }

  /**
   * Requires that a buffer holds a step.
   *
   * @param role what it is handed as
   * @param rows the buffer
   * @param batch the step
   * @param columns how wide a row is to be
   */
  public static void requireRows(String role, Activations rows, StepBatch batch, int columns) {
    if (rows.columns() != columns || rows.maxRows() < batch.rows()) {
      throw new IllegalArgumentException(
          "the %s of %d rows and %d columns does not hold the step's %d rows and %d columns"
              .formatted(role, rows.maxRows(), rows.columns(), batch.rows(), columns));
    }
  }

  /**
   * Requires that rows have the width they are to have.
   *
   * @param role what they are handed as
   * @param rows the rows
   * @param columns the width
   */
  public static void requireColumns(String role, Activations rows, int columns) {
    if (rows.columns() != columns) {
      throw new IllegalArgumentException(
          "the %s have %d columns and are to have %d".formatted(role, rows.columns(), columns));
    }
  }

  /**
   * Requires that rows have some columns.
   *
   * @param rows the rows
   * @param first the first of the columns
   * @param count how many there are
   */
  public static void requireColumns(Activations rows, int first, int count) {
    if (first < 0 || first > rows.columns() - count) {
      throw new IllegalArgumentException(
          "rows of %d columns have none from %d to %d"
              .formatted(rows.columns(), first, (long) first + count));
    }
  }

  /**
   * How wide rows are to be that a norm takes.
   *
   * @param norm the norm
   * @param rows the rows
   * @return its gain's length, or the rows' own width if that is a multiple of it and parts may be
   *     normalised by themselves
   */
  public static int normColumns(Norm norm, Activations rows) {
    int gains = norm.gain().columns();
    boolean parts =
        norm instanceof Norm.RootMeanSquare && gains % TOGETHER == 0 && rows.columns() % gains == 0;
    return parts ? rows.columns() : gains;
  }

  /**
   * Requires that a weight is a matrix.
   *
   * @param <M> how the backend keeps matrices
   * @param role what it is handed as
   * @param weight the weight
   * @param type how the backend keeps matrices
   * @return the matrix
   */
  public static <M extends Weight> M matrix(String role, Weight weight, Class<M> type) {
    if (!type.isInstance(weight)) {
      throw new IllegalArgumentException("the " + role + " is a vector where a matrix belongs");
    }
    return type.cast(weight);
  }

  /**
   * Requires that a weight is a vector of some length.
   *
   * @param <V> how the backend keeps vectors
   * @param role what it is handed as
   * @param weight the weight
   * @param type how the backend keeps vectors
   * @param length how many elements it is to have
   * @return the vector
   */
  public static <V extends Weight> V vector(String role, Weight weight, Class<V> type, int length) {
    if (!type.isInstance(weight) || weight.columns() != length) {
      throw new IllegalArgumentException(
          "the %s is a vector of %d elements, not %d × %d"
              .formatted(role, length, weight.rows(), weight.columns()));
    }
    return type.cast(weight);
  }

  /**
   * Requires that there is room for a step's logits.
   *
   * @param logits where they go
   * @param maxRows how many rows it has room for
   * @param vocabulary how many scores a row is to have
   * @param wanted how many rows there are to be
   */
  public static void requireRoom(Logits logits, int maxRows, int vocabulary, int wanted) {
    if (logits.vocabulary() != vocabulary || maxRows < wanted) {
      throw new IllegalArgumentException(
          "room for %d rows of %d logits does not hold %d rows of %d"
              .formatted(maxRows, logits.vocabulary(), wanted, vocabulary));
    }
  }

  /**
   * Requires that KV memory has a layer as attention takes it.
   *
   * @param layout how its blocks are laid out
   * @param spec what attention takes
   * @param layer which layer, from 0
   */
  public static void requireLayer(KvLayout layout, AttentionSpec spec, int layer) {
    if (layer < 0 || layer >= layout.layers().size()) {
      throw new IllegalArgumentException(
          "there is no layer %d among the %d of KV memory"
              .formatted(layer, layout.layers().size()));
    }
    KvShape kept = layout.layers().get(layer);
    boolean reaches =
        kept.window().positions() == Integer.MAX_VALUE || kept.window().equals(spec.window());
    if (kept.heads() != spec.kvHeads()
        || kept.keyDim() != spec.headDim()
        || kept.valueDim() != spec.valueDim()
        || !reaches) {
      throw new IllegalArgumentException(
          "layer %d of KV memory keeps %s, not %s".formatted(layer, kept, spec.kept()));
    }
  }

  /**
   * Requires that norms of queries and keys are as long as what they normalise.
   *
   * @param spec the rules
   */
  public static void requireNorms(AttentionSpec spec) {
    requireNorm("query norm", spec.queryNorm(), spec.headDim(), spec.queryColumns());
    requireNorm("value norm", spec.valueNorm(), spec.valueDim(), spec.valueDim());
    if (spec.latent()) {
      requireNorm("key norm", spec.keyNorm(), spec.valueDim(), spec.valueDim());
    } else {
      requireNorm("key norm", spec.keyNorm(), spec.headDim(), spec.keyColumns());
    }
  }

  private static void requireNorm(String role, @Nullable Weight gain, int each, int together) {
    if (gain != null && gain.columns() != each && gain.columns() != together) {
      throw new IllegalArgumentException(
          "the %s is a vector of %d elements, not %d × %d"
              .formatted(role, together, gain.rows(), gain.columns()));
    }
  }

  /**
   * Requires that blocks have room for a layer's state.
   *
   * @param layout how they are laid out
   * @param bytes how much it takes
   * @param state which layer it is among those with a state, from 0
   */
  public static void requireState(KvLayout layout, long bytes, int state) {
    StateShape states = layout.states();
    if (state < 0 || state >= states.layers() || bytes > states.bytes()) {
      throw new IllegalArgumentException(
          "a state of %d bytes in layer %d of those with one does not fit %s"
              .formatted(bytes, state, layout));
    }
  }

  /**
   * Requires that every token of a step has an embedding.
   *
   * @param batch the step
   * @param vocabulary how many tokens there are
   */
  public static void requireTokens(StepBatch batch, int vocabulary) {
    for (int row = 0; row < batch.rows(); row++) {
      if (batch.token(row) < 0 || batch.token(row) >= vocabulary) {
        throw new IllegalArgumentException(
            "row %d of the step is token %d, outside the vocabulary of %d"
                .formatted(row, batch.token(row), vocabulary));
      }
    }
  }

  /**
   * Requires that a table has a row for the position of each token of a step.
   *
   * @param batch the step
   * @param positions how many rows it has
   */
  public static void requirePositions(StepBatch batch, int positions) {
    for (int row = 0; row < batch.rows(); row++) {
      if (batch.position(row) >= positions) {
        throw new IllegalArgumentException(
            "row %d of the step is at position %d; the table has %d positions"
                .formatted(row, batch.position(row), positions));
      }
    }
  }

  /**
   * Requires that every sequence of a step has a block for each of its tokens.
   *
   * @param batch the step
   * @param layout how blocks are laid out
   * @return how many tokens the longest sequence has
   */
  public static int requireTables(StepBatch batch, KvLayout layout) {
    int longest = 0;
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      int tokens = tokens(batch, sequence);
      int needed = layout.blocksFor(tokens);
      if (batch.blockTable(sequence).size() < needed) {
        throw new IllegalArgumentException(
            "a sequence of %d tokens needs %d KV blocks and has %d"
                .formatted(tokens, needed, batch.blockTable(sequence).size()));
      }
      longest = Math.max(longest, tokens);
    }
    return longest;
  }

  /**
   * Requires that all blocks that a step may touch are there.
   *
   * @param batch the step, of which each sequence {@linkplain #requireTables has its blocks}
   * @param kv the memory
   */
  public static void requireBlocks(StepBatch batch, KvMemory kv) {
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      for (int group = 0; group < kv.layout().groups(); group++) {
        requireBlocks(batch, sequence, group, kv);
      }
    }
  }

  private static void requireBlocks(StepBatch batch, int sequence, int group, KvMemory kv) {
    KvLayout layout = kv.layout();
    BlockTable table = batch.blockTable(sequence);
    int position = batch.position(batch.firstRow(sequence));
    int first = layout.window(group).firstSeen(position) / layout.blockTokens();
    int end = layout.blocksFor(tokens(batch, sequence));
    for (int i = first * layout.groups() + group; i < end; i += layout.groups()) {
      if (table.block(i) < 0 || table.block(i) >= kv.blocks()) {
        throw new IllegalArgumentException(
            "there is no KV block %d among the %d of this memory"
                .formatted(table.block(i), kv.blocks()));
      }
    }
  }

  /**
   * Requires that tensors make up a weight: a vector of a plain type, or a matrix of tensors with
   * equally many columns, one below the other.
   *
   * @param parts from top to bottom
   */
  public static void requireWeight(List<StoredTensor> parts) {
    if (parts.isEmpty()) {
      throw new IllegalArgumentException("a weight has at least one part");
    }
    StoredTensor first = parts.getFirst();
    int dimensions = first.shape().size();
    if (dimensions < 1 || dimensions > 2 || first.elements() == 0) {
      throw new IllegalArgumentException(
          "tensor '%s' of shape %s is neither a vector nor a matrix"
              .formatted(first.name(), first.shape()));
    }
    for (StoredTensor part : parts) {
      if (part.dtype().blockElements() > 1 && dimensions == 1) {
        throw new IllegalArgumentException(
            "vector '%s' is of type %s; vectors are of F32, F16 or BF16"
                .formatted(part.name(), part.dtype()));
      }
      if (!stacks(part, first)) {
        throw new IllegalArgumentException(
            "tensor '%s' (%s, %s) cannot be stacked with '%s' (%s, %s)"
                .formatted(
                    part.name(),
                    part.dtype(),
                    part.shape(),
                    first.name(),
                    first.dtype(),
                    first.shape()));
      }
    }
  }

  private static boolean stacks(StoredTensor part, StoredTensor first) {
    int dimensions = first.shape().size();
    return part.shape().size() == dimensions
        && part.elements() > 0
        && (dimensions == 1 || part.shape().getLast().equals(first.shape().getLast()));
  }

  /**
   * Requires that a cap keeps something small.
   *
   * @param cap what scores are kept within
   */
  public static void requireCap(float cap) {
    if (!(cap > 0 && Float.isFinite(cap))) {
      throw new IllegalArgumentException("a cap is a finite number above 0, not " + cap);
    }
  }

  /**
   * Requires that a layer of experts can take a step.
   *
   * @param experts the layer
   * @param batch the step
   */
  public static void requireRows(ExpertLayer experts, StepBatch batch) {
    if (experts.maxRows() < batch.rows()) {
      throw new IllegalArgumentException(
          "experts that take %d rows at once do not take the step's %d"
              .formatted(experts.maxRows(), batch.rows()));
    }
  }

  /**
   * Requires that an operation does not write what it reads.
   *
   * @param in what it reads
   * @param out what it writes
   */
  public static void requireApart(Activations in, Activations out) {
    if (in.equals(out)) {
      throw new IllegalArgumentException("the output of an operation is not its input");
    }
  }

  /**
   * Requires that heads, their maps and what lies behind them make up what comes out.
   *
   * @param batch the step
   * @param in the heads
   * @param maps theirs
   * @param behind what lies behind them all, or null
   * @param out what comes out
   */
  public static void requireHeads(
      StepBatch batch,
      Activations in,
      HeadMaps maps,
      @Nullable Activations behind,
      Activations out) {
    int rest = behind == null ? 0 : behind.columns();
    requireRows("input", in, batch, maps.heads() * maps.inputStep());
    requireRows("output", out, batch, maps.heads() * maps.outputStep() + rest);
    requireApart(in, out);
    if (behind != null) {
      requireRows("columns behind", behind, batch, rest);
    }
  }

  /**
   * Requires that gates and what they let through make up what comes out.
   *
   * @param batch the step
   * @param gates as wide as what comes out
   * @param ups what they let through, among other columns
   * @param first the first of its columns
   * @param out what comes out
   */
  public static void requireGatesApart(
      StepBatch batch, Activations gates, Activations ups, int first, Activations out) {
    requireRows("output", out, batch, out.columns());
    requireRows("gates", gates, batch, out.columns());
    requireRows("ups", ups, batch, ups.columns());
    requireApart(gates, out);
    requireApart(ups, out);
    requireColumns(ups, first, out.columns());
  }

  /**
   * Requires that rows can be added to others by shares.
   *
   * @param batch the step
   * @param in what is added
   * @param shares by what each of them counts for each of the others
   * @param out what it is added to
   */
  public static void requireMix(
      StepBatch batch, List<Activations> in, Activations shares, List<Activations> out) {
    if (in.isEmpty() || in.size() > MOST_MIXED || out.isEmpty() || out.size() > MOST_MIXED) {
      throw new IllegalArgumentException(
          "from 1 to %d buffers of rows are mixed into as many, not %d into %d"
              .formatted(MOST_MIXED, in.size(), out.size()));
    }
    requireRows("shares", shares, batch, in.size() * out.size());
    int columns = out.getFirst().columns();
    for (int i = 0; i < in.size(); i++) {
      requireRows("input", in.get(i), batch, columns);
    }
    for (int i = 0; i < out.size(); i++) {
      requireRows("output", out.get(i), batch, columns);
      requireApart(shares, out.get(i));
      for (int other = 0; other < i; other++) {
        requireApart(out.get(other), out.get(i));
      }
    }
  }

  /**
   * Requires that rows are gates and as many ups.
   *
   * @param gateUp the rows
   */
  public static void requirePairs(Activations gateUp) {
    if (gateUp.columns() % 2 != 0) {
      throw new IllegalArgumentException(
          "gates and as many ups are not in %d columns".formatted(gateUp.columns()));
    }
  }

  /**
   * Requires that something is a number of standard deviations.
   *
   * @param deviations how many
   */
  public static void requireDeviations(float deviations) {
    if (!Float.isFinite(deviations)) {
      throw new IllegalArgumentException(
          "a number of standard deviations is finite, unlike " + deviations);
    }
  }

  /**
   * Requires that the last step wrote a row of logits.
   *
   * @param row which row, from 0
   * @param rows how many the step wrote
   * @throws IndexOutOfBoundsException when it did not
   */
  public static void requireRow(int row, int rows) {
    if (row < 0 || row >= rows) {
      throw new IndexOutOfBoundsException(
          "the last step gave " + rows + " rows of logits, so there is no row " + row);
    }
  }

  private static int tokens(StepBatch batch, int sequence) {
    return batch.position(batch.firstRow(sequence + 1) - 1) + 1;
  }
}
