package dev.serval.models.cpu.generated;

/**
 * What of a vector instruction's encoding does not depend on its operands.
 *
 * @param prefix the mandatory prefix, as VEX and EVEX abbreviate it
 * @param map the opcode map, likewise
 * @param code the opcode
 * @param access how much memory an operand there takes
 * @param form how it can be encoded
 */
record Opcode(Prefix prefix, Map map, int code, Access access, Form form) {
  /** Encodings: AVX-512 has EVEX, the others VEX. */
  enum Form {
    EITHER,
    VEX,
    EVEX
  }

  /** Mandatory prefixes. */
  enum Prefix {
    NONE(0),
    P66(1),
    PF3(2),
    PF2(3);

    private final int code;

    Prefix(int code) {
      this.code = code;
    }

    int code() {
      return code;
    }
  }

  /** Opcode maps. */
  enum Map {
    M0F(1),
    M0F38(2),
    M0F3A(3);

    private final int code;

    Map(int code) {
      this.code = code;
    }

    int code() {
      return code;
    }
  }

  /** How much memory is read or written: a fraction of the vector, 128 bits, or one element. */
  enum Access {
    FULL,
    HALF,
    QUARTER,
    SECTION,
    ELEMENT;

    /** In bytes; EVEX counts short displacements in these. */
    int bytes(Width width) {
      return switch (this) {
        case FULL -> width.bytes();
        case HALF -> width.bytes() / 2;
        case QUARTER -> width.bytes() / 4;
        case SECTION -> Width.XMM.bytes();
        case ELEMENT -> Integer.BYTES;
      };
    }
  }

  static Opcode of0F(Prefix prefix, int code) {
    return new Opcode(prefix, Map.M0F, code, Access.FULL, Form.EITHER);
  }

  static Opcode of0F38(Prefix prefix, int code) {
    return new Opcode(prefix, Map.M0F38, code, Access.FULL, Form.EITHER);
  }

  static Opcode of0F3A(Prefix prefix, int code) {
    return new Opcode(prefix, Map.M0F3A, code, Access.FULL, Form.EITHER);
  }

  Opcode reading(Access less) {
    return new Opcode(prefix, map, code, less, form);
  }

  Opcode only(Form one) {
    return new Opcode(prefix, map, code, access, one);
  }
}
