package dev.serval.models.cpu.generated;

import java.util.List;

/** What becomes of a group of 32 inputs before tiles multiply them. */
enum InputForm {
  /** 8-bit integers times a scale; see {@link ActivationGroup}. */
  BYTES(ActivationGroup.BYTES),
  /** BF16. */
  BFLOATS(ActivationGroup.COLUMNS * Short.BYTES),
  /** F32, as they are. */
  FLOATS(ActivationGroup.COLUMNS * Float.BYTES);

  private final int bytes;

  InputForm(int bytes) {
    this.bytes = bytes;
  }

  /** The size of a group. */
  int bytes() {
    return bytes;
  }

  /** The routine that makes it. */
  List<Instruction> routine() {
    return switch (this) {
      case BYTES -> InputRoutines.quantise();
      case BFLOATS -> InputRoutines.round();
      case FLOATS -> InputRoutines.copy();
    };
  }
}
