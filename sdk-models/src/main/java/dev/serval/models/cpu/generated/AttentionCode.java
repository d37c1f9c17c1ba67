package dev.serval.models.cpu.generated;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * What attention over keys and values of BF16 calls beside its products.
 *
 * @param round makes inputs of queries
 * @param weigh makes weights of scores
 * @param merge adds stretches up
 * @param divide makes the output
 */
record AttentionCode(
    MemorySegment round, MemorySegment weigh, MemorySegment merge, MemorySegment divide) {

  /**
   * Generates it.
   *
   * @throws ExecutableMemoryException when the system refuses memory for code
   */
  static AttentionCode generate() {
    MachineCode code =
        MachineCode.of(
            List.of(
                InputForm.BFLOATS.routine(),
                AttentionRoutines.weigh(),
                AttentionRoutines.merge(),
                AttentionRoutines.divide()));
    return new AttentionCode(code.routine(0), code.routine(1), code.routine(2), code.routine(3));
  }
}
