package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.system.SystemCalls;

/** What the processor under the tests has. */
final class InstructionSets {
  private InstructionSets() {}

  static boolean here(InstructionSet set) {
    return set.runsOn(Processor.here().features())
        && (!set.tileRegisters() || SystemCalls.requestTileRegisters());
  }
}
