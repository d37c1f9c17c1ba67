package dev.serval.api.compute;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.model.TokenSampler;
import org.jspecify.annotations.Nullable;

/**
 * What one step computes: a run of consecutive tokens for each of its sequences, laid out row after
 * row. A decode is a run of one, or of more where those that follow it are drafted. Filled by the
 * engine and read by the executor, on the engine's thread or, while that waits, on the backend's;
 * reused for every step.
 */
public final class StepBatch {
  private final int[] tokens;
  private final int[] positions;
  private final int[] rowSequence;
  private final int[] firstRow;
  private final int[] logitRow;
  private final int[] wantedRows;
  private final BlockTable[] blockTables;
  private final @Nullable TokenSampler[] samplers;
  private int rows;
  private int sequences;
  private int logitRows;
  private int kept;

  /**
   * With room for a step's worth.
   *
   * @param maxTokens the most tokens of a step
   * @param maxSequences the most sequences of a step
   */
  public StepBatch(int maxTokens, int maxSequences) {
    tokens = new int[maxTokens];
    positions = new int[maxTokens];
    rowSequence = new int[maxTokens];
    firstRow = new int[maxSequences + 1];
    logitRow = new int[maxSequences];
    wantedRows = new int[maxSequences];
    blockTables = new BlockTable[maxSequences];
    samplers = new @Nullable TokenSampler[maxSequences];
    java.util.Arrays.fill(blockTables, BlockTable.EMPTY);
  }

  /** Empties the batch and lets go of all block tables and samplers. */
  public void clear() {
    letGo(0, Math.max(sequences, kept));
    kept = 0;
    empty();
  }

  /**
   * Empties the batch for a step that is much like this one: block tables and samplers are let go
   * of when they are not met again in the next step, so that those which stay are not written anew.
   */
  public void rewind() {
    if (kept > sequences) {
      letGo(sequences, kept);
    }
    kept = sequences;
    empty();
  }

  private void letGo(int from, int to) {
    java.util.Arrays.fill(blockTables, from, to, BlockTable.EMPTY);
    java.util.Arrays.fill(samplers, from, to, null);
  }

  private void empty() {
    rows = 0;
    sequences = 0;
    logitRows = 0;
  }

  /**
   * Adds a sequence's next run.
   *
   * @param source where the sequence's tokens are
   * @param from the position of the run's first token: how many were computed before
   * @param count how many tokens the run has, at least 1
   * @param table the sequence's KV blocks, with room for the run
   * @param wantsLogits whether the logits after the run's last token are wanted
   * @return which sequence of the step it is, from 0
   * @throws IndexOutOfBoundsException when the batch is full
   */
  public int add(int[] source, int from, int count, BlockTable table, boolean wantsLogits) {
    addRows(source, from, from, count);
    return end(table, wantsLogits ? 1 : 0, null);
  }

  private void addRows(int[] source, int from, int position, int count) {
    System.arraycopy(source, from, tokens, rows, count);
    for (int i = 0; i < count; i++) {
      positions[rows + i] = position + i;
      rowSequence[rows + i] = sequences;
    }
    rows += count;
  }

  /**
   * Adds a sequence's next token and those that are guessed to follow it, with logits after each of
   * them, from which nothing is drawn within the step.
   *
   * @param source where the sequence's tokens are, and behind them the guesses
   * @param from the position of the token: how many were computed before
   * @param count how many tokens the run has, the guesses included; more than 1
   * @param table the sequence's KV blocks, with room for the run
   * @return which sequence of the step it is, from 0
   * @throws IndexOutOfBoundsException when the batch is full
   */
  public int addDraft(int[] source, int from, int count, BlockTable table) {
    addRows(source, from, from, count);
    return end(table, count, null);
  }

  /**
   * Adds a sequence's next run, of one token after which the next is drawn: a decode.
   *
   * @param token the token
   * @param position its position in the sequence
   * @param table the sequence's KV blocks, with room for it
   * @param sampler who draws it: within the step if it is the backend's own, else from the logits
   * @return which sequence of the step it is, from 0
   * @throws IndexOutOfBoundsException when the batch is full
   */
  public int addDecode(int token, int position, BlockTable table, TokenSampler sampler) {
    tokens[rows] = token;
    positions[rows] = position;
    rowSequence[rows++] = sequences;
    return end(table, 1, sampler);
  }

  /**
   * Adds those rows of each sequence of a step that logits are wanted of, with the same numbers
   * among the logits' rows if this batch was empty.
   *
   * @param step the step
   * @throws IndexOutOfBoundsException when the batch is full
   */
  public void addLastRows(StepBatch step) {
    for (int sequence = 0; sequence < step.sequences; sequence++) {
      int wanted = step.wantedRows[sequence];
      if (wanted > 0) {
        int row = step.firstWantedRow(sequence);
        addRows(step.tokens, row, step.positions[row], wanted);
        end(step.blockTables[sequence], wanted, step.samplers[sequence]);
      }
    }
  }

  @SuppressWarnings("ReferenceEquality") // what is the same is not written anew
  private int end(BlockTable table, int wanted, @Nullable TokenSampler sampler) {
    if (blockTables[sequences] != table) {
      blockTables[sequences] = table;
    }
    if (samplers[sequences] != sampler) {
      samplers[sequences] = sampler;
    }
    logitRow[sequences] = wanted > 0 ? logitRows : -1;
    wantedRows[sequences] = wanted;
    logitRows += wanted;
    firstRow[sequences + 1] = rows;
    return sequences++;
  }

  /**
   * Adds a sequence's next run, after which a token is drawn.
   *
   * @param source where the sequence's tokens are
   * @param from the position of the run's first token: how many were computed before
   * @param count how many tokens the run has, at least 1
   * @param table the sequence's KV blocks, with room for the run
   * @param sampler who draws it: within the step if it is the backend's own, else from the logits
   * @return which sequence of the step it is, from 0
   * @throws IndexOutOfBoundsException when the batch is full
   */
  public int add(int[] source, int from, int count, BlockTable table, TokenSampler sampler) {
    int sequence = add(source, from, count, table, true);
    samplers[sequence] = sampler;
    return sequence;
  }

  /**
   * How many tokens the step computes.
   *
   * @return its rows
   */
  public int rows() {
    return rows;
  }

  /**
   * How many tokens a step can have.
   *
   * @return the most rows
   */
  public int maxRows() {
    return tokens.length;
  }

  /**
   * How many sequences the step has.
   *
   * @return the number of runs
   */
  public int sequences() {
    return sequences;
  }

  /**
   * How many sequences a step can have.
   *
   * @return the most runs
   */
  public int maxSequences() {
    return logitRow.length;
  }

  /**
   * How many rows of logits are wanted.
   *
   * @return one for each sequence that a token is drawn for, and one for each drafted token
   */
  public int logitRows() {
    return logitRows;
  }

  /**
   * The token of a row.
   *
   * @param row from 0
   * @return its id
   */
  public int token(int row) {
    return tokens[row];
  }

  /**
   * The position of a row's token in its sequence.
   *
   * @param row from 0
   * @return from 0
   */
  public int position(int row) {
    return positions[row];
  }

  /**
   * The sequence a row belongs to.
   *
   * @param row from 0
   * @return which sequence of the step
   */
  public int sequenceOf(int row) {
    return rowSequence[row];
  }

  /**
   * Where a sequence's run begins.
   *
   * @param sequence from 0; the number of sequences gives the end of the last run
   * @return its first row
   */
  public int firstRow(int sequence) {
    return firstRow[sequence];
  }

  /**
   * Where a sequence's logits go.
   *
   * @param sequence from 0
   * @return the row of the step's logits, the first if it has several, or −1 if none are wanted
   */
  public int logitRow(int sequence) {
    return logitRow[sequence];
  }

  /**
   * How many of a sequence's rows have logits.
   *
   * @param sequence from 0
   * @return 0, 1 for the last one, or all of a run with drafted tokens
   */
  public int wantedRows(int sequence) {
    return wantedRows[sequence];
  }

  /**
   * The first of a sequence's rows that have logits; the others follow.
   *
   * @param sequence from 0
   * @return the row; the end of the run where there are none
   */
  public int firstWantedRow(int sequence) {
    return firstRow[sequence + 1] - wantedRows[sequence];
  }

  /**
   * Who draws the token after a sequence's run.
   *
   * @param sequence from 0
   * @return its sampler, or null where none was named or no logits are wanted
   */
  public @Nullable TokenSampler sampler(int sequence) {
    return sequence < sequences ? samplers[sequence] : null;
  }

  /**
   * A sequence's KV blocks.
   *
   * @param sequence from 0
   * @return its block table; an empty one for a sequence that the step does not have
   */
  public BlockTable blockTable(int sequence) {
    return sequence < sequences ? blockTables[sequence] : BlockTable.EMPTY;
  }
}
