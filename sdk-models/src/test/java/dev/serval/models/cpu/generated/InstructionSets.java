package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.Processor;

/** What the processor under the tests has. */
final class InstructionSets {
  private InstructionSets() {}

  static boolean here(InstructionSet set) {
    return set.runsOn(Processor.here().features());
  }
}
