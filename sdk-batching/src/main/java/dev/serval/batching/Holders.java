package dev.serval.batching;

import dev.serval.api.ServiceLevel;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.model.TokenSampler;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The sequences that hold blocks, in the order in which they began. While it holds blocks a
 * sequence has a <i>place</i>, under which lies, side by side with those of all others, what each
 * plan reads of it. It is noted when the sequence changes, so a plan walks along arrays and meets
 * the sequences themselves only where there is something to decide. Belongs to the engine's thread.
 */
final class Holders {
  /** The place of a sequence that holds no blocks. */
  static final int NOWHERE = -1;

  /* What decides how a plan goes on with a sequence, in one number: its rank and these. */
  private static final int RANK = ServiceLevel.LOWEST_RANK;
  private static final int RUNS = 8;
  private static final int DECODES = 16;
  private static final int HAS_ROOM = 32;
  private static final int PREFILLS = 64;
  private static final int PREDICTED = 128;

  /* What is noted of a place, in numbers and in readings of the clock. */
  private static final int NOTES = 4;
  private static final int STANDING = 0;
  private static final int COMPUTED = 1;
  private static final int NEXT_TOKEN = 2;
  private static final int PLANNED = 3;
  private static final int TIMES = 2;
  private static final int TARGET = 0;
  private static final int DUE = 1;

  private int[] order;
  private int size;
  private int[] vacant;
  private int vacancies;

  private @Nullable Sequence[] sequences;
  private BlockTable[] tables;
  private @Nullable TokenSampler[] samplers;
  private int[] notes;
  private long[] times;

  /** With places for so many, and more when more are needed. */
  Holders(int places) {
    order = new int[places];
    vacant = new int[places];
    sequences = new Sequence[places];
    tables = new BlockTable[places];
    samplers = new TokenSampler[places];
    notes = new int[places * NOTES];
    times = new long[places * TIMES];
    Arrays.fill(tables, BlockTable.EMPTY);
    vacate(0, places);
  }

  private void vacate(int from, int to) {
    for (int place = to - 1; place >= from; place--) {
      vacant[vacancies++] = place;
    }
  }

  /** Makes sure that there is a place for one more; when memory is short, nothing has changed. */
  void makePlace() {
    if (vacancies == 0) {
      grow();
    }
  }

  private void grow() {
    int before = times.length / TIMES;
    int places = before * 2;
    order = Arrays.copyOf(order, places);
    vacant = Arrays.copyOf(vacant, places);
    sequences = Arrays.copyOf(sequences, places);
    tables = Arrays.copyOf(tables, places);
    samplers = Arrays.copyOf(samplers, places);
    notes = Arrays.copyOf(notes, places * NOTES);
    times = Arrays.copyOf(times, places * TIMES);
    Arrays.fill(tables, before, places, BlockTable.EMPTY);
    vacate(before, places);
  }

  /** The last to begin, for which a place was made. */
  void add(Sequence sequence) {
    int place = vacant[--vacancies];
    order[size++] = place;
    sequences[place] = sequence;
    tables[place] = sequence.kv().blocks();
    times[place * TIMES + TARGET] = sequence.tpotNanos();
    sequence.takePlace(place);
    note(sequence);
  }

  void remove(Sequence sequence) {
    int place = sequence.place();
    int index = 0;
    while (order[index] != place) {
      index++;
    }
    System.arraycopy(order, index + 1, order, index, --size - index);
    vacant[vacancies++] = place;
    sequences[place] = null;
    tables[place] = BlockTable.EMPTY;
    samplers[place] = null;
    notes[place * NOTES + STANDING] = 0;
    notes[place * NOTES + PLANNED] = 0;
    sequence.takePlace(NOWHERE);
  }

  /** A sequence that holds blocks has changed. */
  @SuppressWarnings("ReferenceEquality") // what is the same is not written anew
  void note(Sequence sequence) {
    int place = sequence.place();
    int done = sequence.computedTokens();
    notes[place * NOTES + STANDING] = standing(sequence);
    notes[place * NOTES + COMPUTED] = done;
    notes[place * NOTES + NEXT_TOKEN] = sequence.tokens()[done];
    if (samplers[place] != sequence.samplerIfAny()) {
      samplers[place] = sequence.samplerIfAny();
    }
    boolean answers = sequence.generated() > 0 && times[place * TIMES + TARGET] != Long.MAX_VALUE;
    times[place * TIMES + DUE] =
        answers ? sequence.lastTokenNanos() + times[place * TIMES + TARGET] : Long.MAX_VALUE;
  }

  private int standing(Sequence sequence) {
    boolean room = sequence.kv().room() > sequence.computedTokens();
    return sequence.rank()
        | (sequence.isRunning() ? RUNS : 0)
        | (sequence.outstanding() == 1 ? DECODES : 0)
        | (room ? HAS_ROOM : 0)
        | (sequence.unfinishedPrefill() > 0 ? PREFILLS : 0)
        | (sequence.prediction().length > 0 ? PREDICTED : 0);
  }

  int size() {
    return size;
  }

  boolean isEmpty() {
    return size == 0;
  }

  /** The sequences by the order in which they began, from 0. */
  Sequence at(int index) {
    return sequence(order[index]);
  }

  /** The places in the order in which their sequences began, from 0. */
  int place(int index) {
    return order[index];
  }

  Sequence sequence(int place) {
    return Objects.requireNonNull(sequences[place]);
  }

  boolean isRunning(int place) {
    return (notes[place * NOTES + STANDING] & RUNS) != 0;
  }

  int rank(int place) {
    return notes[place * NOTES + STANDING] & RANK;
  }

  /** Whether it has one token to compute. */
  boolean isDecode(int place) {
    return (notes[place * NOTES + STANDING] & DECODES) != 0;
  }

  /** Whether it runs, is of a rank, and has one token to compute. */
  boolean isDecode(int place, int rank) {
    return (notes[place * NOTES + STANDING] & (DECODES | RUNS | RANK)) == (DECODES | RUNS | rank);
  }

  /** Whether it keeps its blocks when one of a rank begins. */
  boolean standsAgainst(int place, int rank) {
    return isRunning(place) && rank(place) <= rank;
  }

  int computed(int place) {
    return notes[place * NOTES + COMPUTED];
  }

  /** Whether its prefill is unfinished, were it by one token. */
  boolean isPrefill(int place) {
    return (notes[place * NOTES + STANDING] & PREFILLS) != 0;
  }

  /** Whether it is known what its answer is expected to be. */
  boolean isPredicted(int place) {
    return (notes[place * NOTES + STANDING] & PREDICTED) != 0;
  }

  BlockTable table(int place) {
    return tables[place];
  }

  /** Who draws its tokens; null while it has drawn none. */
  @Nullable TokenSampler sampler(int place) {
    return samplers[place];
  }

  /** Whether it has room for the next token that it computes. */
  boolean hasRoom(int place) {
    return (notes[place * NOTES + STANDING] & HAS_ROOM) != 0;
  }

  /** The first token that is not computed yet. */
  int nextToken(int place) {
    return notes[place * NOTES + NEXT_TOKEN];
  }

  /** What is left of its target between tokens; {@link Long#MAX_VALUE} without one. */
  long targetNanos(int place) {
    return times[place * TIMES + TARGET];
  }

  /** When its next token is due by that; {@link Long#MAX_VALUE} if it is not, or not yet. */
  long dueNanos(int place) {
    return times[place * TIMES + DUE];
  }

  /** How many of its tokens the step that is planned computes. */
  int planned(int place) {
    return notes[place * NOTES + PLANNED];
  }

  void plan(int place, int count) {
    notes[place * NOTES + PLANNED] = count;
  }
}
