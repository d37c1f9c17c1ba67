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
  private static final MethodHandle INPUT = routine(4);

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
      long lines) {
    try {
      TILE.invokeExact(code, codes, inputs, others, lines, groups, blockBytes, output, outputStep);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of a tile failed", e);
    }
  }

  /** Turns groups of a row into inputs of tiles; see {@link InputRoutines}. */
  static void input(MemorySegment code, long row, long to, long groups, long step) {
    try {
      INPUT.invokeExact(code, row, to, groups, step);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of an input routine failed", e);
    }
  }
}
