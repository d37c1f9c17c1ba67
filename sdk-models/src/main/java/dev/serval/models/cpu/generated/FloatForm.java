package dev.serval.models.cpu.generated;

import dev.serval.api.compute.DType;
import java.util.Arrays;
import java.util.Optional;

/** Types whose elements are halves of an F32's size, as tiles take them in: in pairs of columns. */
public enum FloatForm {
  /** binary16: for each pair, all lanes of the first column, then all of the second. */
  F16(DType.F16),
  /** The upper half of an F32: for each pair, lanes of both columns, the first one's bits lower. */
  BF16(DType.BF16);

  private final DType dtype;

  FloatForm(DType dtype) {
    this.dtype = dtype;
  }

  /**
   * The form of a type.
   *
   * @param dtype the type
   * @return its form, or nothing for other types
   */
  public static Optional<FloatForm> of(DType dtype) {
    return Arrays.stream(values()).filter(form -> form.dtype == dtype).findFirst();
  }

  /** Whether inputs are rounded to BF16, too. */
  boolean rounds(InstructionSet set) {
    return this == BF16 && set.bfloatDots();
  }

  /** Whether it is multiplied as matrices. */
  private boolean square(InstructionSet set) {
    return this == BF16 && set.tileRegisters();
  }

  /** The most rows of a tile. */
  int maxRows(InstructionSet set) {
    return square(set) ? AmxFloatTile.maxRows() : FloatTile.maxRows(set);
  }

  /** The most blocks of a tile with this many rows. */
  int maxBlocks(InstructionSet set, int rows) {
    return square(set) ? AmxFloatTile.maxBlocks(rows) : FloatTile.maxBlocks(set, rows);
  }

  /** The most blocks of a tile that no other shares its elements with. */
  int maxBlocksAlone(InstructionSet set, int rows) {
    boolean oneRun = rounds(set) && !square(set) && rows <= FloatTile.MAX_ROWS_OF_ONE_RUN;
    return oneRun ? 1 : maxBlocks(set, rows);
  }

  /** Bytes of a group in all lanes. */
  int groupBytes(int lanes) {
    return ActivationGroup.COLUMNS * lanes * dtype.blockBytes();
  }

  /** A tile. */
  Tile tile(InstructionSet set, int rows, int blocks, Ending ending) {
    return square(set)
        ? new AmxFloatTile(set, rows, blocks, ending)
        : new FloatTile(set, this, rows, blocks, ending);
  }

  /** What it multiplies. */
  InputForm inputs(InstructionSet set) {
    return rounds(set) ? InputForm.BFLOATS : InputForm.FLOATS;
  }
}
