package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.memory.Prefetch;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** The processor's instruction for it, a line at a time. */
final class GeneratedPrefetch implements Prefetch {
  private final MemorySegment code;

  /**
   * Generates it.
   *
   * @throws ExecutableMemoryException when the system refuses memory for code
   */
  GeneratedPrefetch() {
    code = MachineCode.of(List.of(instructions())).routine(0);
  }

  /** Registers: RDI where bytes begin, RSI lines. */
  private static List<Instruction> instructions() {
    Routine routine = new Routine();
    routine.prefetchLines(Register.RDI, Register.RSI);
    routine.end();
    return routine.instructions();
  }

  @Override
  public void ask(MemorySegment data, long at, long bytes) {
    if (bytes > 0) {
      NativeCalls.lines(code, data.address() + at, Math.ceilDiv(bytes, (long) Routine.LINE));
    }
  }
}
