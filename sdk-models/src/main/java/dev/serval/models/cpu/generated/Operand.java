package dev.serval.models.cpu.generated;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Where an instruction finds a vector or a matrix. */
sealed interface Operand {
  /**
   * A tile register: up to 16 rows of up to 64 bytes, as was configured.
   *
   * @param number which: 0 to 7
   */
  record TileRegister(int number) implements Operand {}

  /**
   * A vector register.
   *
   * @param number which: 0 to 31 with AVX-512, to 15 otherwise
   * @param width how much of it
   */
  record Vector(int number, Width width) implements Operand {
    /** The same register at another width. */
    Vector as(Width other) {
      return new Vector(number, other);
    }
  }

  /** A place in memory. */
  sealed interface Address extends Operand {}

  /**
   * {@code base + scale · index + displacement}.
   *
   * @param base a register
   * @param index another, or none; not RSP
   * @param scale 1, 2, 4 or 8
   * @param displacement bytes
   */
  record Memory(Register base, @Nullable Register index, int scale, int displacement)
      implements Address {
    static Memory at(Register base, int displacement) {
      return new Memory(base, null, 1, displacement);
    }

    Memory plus(int bytes) {
      return new Memory(base, index, scale, displacement + bytes);
    }
  }

  /**
   * A constant, which the assembler puts behind the code.
   *
   * @param words its bits, 32 in each
   */
  record Literal(List<Integer> words) implements Address {
    static Literal of(int bits) {
      return new Literal(List.of(bits));
    }
  }

  /**
   * 32 bits of memory as all lanes of a vector: AVX-512 only.
   *
   * @param from where they are
   */
  record Broadcast(Address from) implements Operand {}
}
