package dev.serval.models.cpu.generated;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Calls of generated routines. They neither block nor call back and take microseconds, so the
 * thread stays in Java's hands, which makes a call cost nanoseconds.
 */
final class NativeCalls {
  private static final MethodHandle TILE = routine(8);
  private static final MethodHandle TWO = routine(2);
  private static final MethodHandle FOUR = routine(4);
  private static final MethodHandle SIX = routine(6);

  private NativeCalls() {}

  private static MethodHandle routine(int arguments) {
    ValueLayout[] types = new ValueLayout[arguments];
    java.util.Arrays.fill(types, ValueLayout.JAVA_LONG);
    return Linker.nativeLinker()
        .downcallHandle(FunctionDescriptor.ofVoid(types), Linker.Option.critical(false));
  }

  /** Multiplies a tile; see {@link Tile} for what the arguments are. */
  static void tile(
      MemorySegment code,
      long codes,
      long inputs,
      long output,
      long outputStep,
      long groups,
      long blockBytes,
      long others,
      long ask) {
    try {
      TILE.invokeExact(code, codes, inputs, others, ask, groups, blockBytes, output, outputStep);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of a tile failed", e);
    }
  }

  /** Asks for lines; see {@link GeneratedPrefetch}. */
  static void lines(MemorySegment code, long from, long lines) {
    try {
      TWO.invokeExact(code, from, lines);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of a prefetch failed", e);
    }
  }

  /** Turns groups of a row into inputs of tiles; see {@link InputRoutines}. */
  static void input(MemorySegment code, long row, long to, long groups, long step) {
    try {
      FOUR.invokeExact(code, row, to, groups, step);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of an input routine failed", e);
    }
  }

  /** Multiplies queries with keys; see {@link AttentionTile#scores}. */
  static void scores(MemorySegment code, long blocks, long queries, long groups, long scores) {
    try {
      FOUR.invokeExact(code, blocks, queries, groups, scores);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of a routine for scores failed", e);
    }
  }

  /** Multiplies weights with values; see {@link AttentionTile#values}. */
  static void outputs(
      MemorySegment code,
      long blocks,
      long weights,
      long groups,
      long outputs,
      long from,
      long asked) {
    try {
      SIX.invokeExact(code, blocks, weights, groups, outputs, from, asked);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of a routine for outputs failed", e);
    }
  }

  /** Turns scores into weights; see {@link AttentionRoutines#weigh}. */
  static void weigh(
      MemorySegment code,
      long scores,
      long weights,
      long groups,
      long step,
      long constants,
      long sums) {
    try {
      SIX.invokeExact(code, scores, weights, groups, step, constants, sums);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of a routine for weights failed", e);
    }
  }

  /** Adds sums to others; see {@link AttentionRoutines#merge}. */
  static void merge(
      MemorySegment code,
      long sums,
      long added,
      long times,
      long step,
      long addedStep,
      long vectors) {
    try {
      SIX.invokeExact(code, sums, added, times, step, addedStep, vectors);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of a routine that merges failed", e);
    }
  }

  /** Divides by one number; see {@link AttentionRoutines#divide}. */
  static void divide(MemorySegment code, long from, long to, long vectors, long divisor) {
    try {
      FOUR.invokeExact(code, from, to, vectors, divisor);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of a division failed", e);
    }
  }
}
