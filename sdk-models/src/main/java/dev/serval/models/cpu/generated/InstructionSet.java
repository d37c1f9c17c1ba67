package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Operand.Vector;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Extensions that kernels are generated for, the fastest first. */
public enum InstructionSet {
  /** The next one, and tile registers, whose products are of whole matrices of BF16. */
  AMX(
      Width.ZMM,
      true,
      true,
      "avx512f",
      "avx512bw",
      "avx512_vnni",
      "avx512_bf16",
      "amx_tile",
      "amx_bf16"),
  /** 512 bits, with dot products of bytes and of BF16. */
  AVX512_BF16(Width.ZMM, true, true, "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16"),
  /** 512 bits, with dot products of bytes. */
  AVX512(Width.ZMM, true, false, "avx512f", "avx512bw", "avx512_vnni"),
  /** 256 bits, with dot products of bytes. */
  AVX_VNNI(Width.YMM, true, false, "avx_vnni"),
  /** 256 bits. */
  AVX2(Width.YMM, false, false);

  /** What Linux calls the extension that processes have to ask for. */
  static final String TILE_REGISTERS = "amx_tile";

  private static final List<String> BASE = List.of("avx2", "fma", "f16c");

  private final Width width;
  private final boolean byteDots;
  private final boolean bfloatDots;
  private final List<String> features;

  InstructionSet(Width width, boolean byteDots, boolean bfloatDots, String... features) {
    this.width = width;
    this.byteDots = byteDots;
    this.bfloatDots = bfloatDots;
    this.features = List.of(features);
  }

  /**
   * The fastest that a processor has.
   *
   * @param features the names of its extensions, as Linux spells them
   * @return the set, or nothing when there is none
   */
  public static Optional<InstructionSet> of(Set<String> features) {
    return Arrays.stream(values()).filter(set -> set.runsOn(features)).findFirst();
  }

  /**
   * Whether a processor can run it.
   *
   * @param has the names of its extensions, as Linux spells them
   * @return whether nothing is missing
   */
  public boolean runsOn(Set<String> has) {
    return has.containsAll(BASE) && has.containsAll(features);
  }

  /**
   * What every set needs.
   *
   * @return extensions, as Linux spells them
   */
  public static List<String> base() {
    return BASE;
  }

  /**
   * Rows of a matrix that are multiplied side by side.
   *
   * @return 8 or 16
   */
  public int lanes() {
    return width.lanes();
  }

  /**
   * Whether it rounds the inputs of BF16 matrices to BF16.
   *
   * @return true if it has dot products of them
   */
  public boolean bfloatDots() {
    return bfloatDots;
  }

  /**
   * Whether it has tile registers, which a process has to ask for.
   *
   * @return true if it multiplies matrices
   */
  public boolean tileRegisters() {
    return this == AMX;
  }

  /** Whether it has dot products of bytes. */
  boolean byteDots() {
    return byteDots;
  }

  Width width() {
    return width;
  }

  /** How many vector registers there are. */
  int registers() {
    return width == Width.ZMM ? 32 : 16;
  }

  /** Whether an operand in memory can be an element for all lanes. */
  boolean broadcasts() {
    return width == Width.ZMM;
  }

  @Override
  public String toString() {
    return switch (this) {
      case AMX -> "AMX and AVX-512 with VNNI and BF16";
      case AVX512_BF16 -> "AVX-512 with VNNI and BF16";
      case AVX512 -> "AVX-512 with VNNI";
      case AVX_VNNI -> "AVX2 with VNNI";
      case AVX2 -> "AVX2";
    };
  }

  Vector vector(int number) {
    return new Vector(number, width);
  }
}
