package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.ImmediateOp;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.Vector;

/**
 * A tile of BF16 or binary16 elements; see {@link Tile}. Without dot products of BF16, elements are
 * widened to F32 and multiplied column after column. There are several blocks to a tile, since a
 * sum waits for the one before it, and since an input is fetched once for all of them.
 */
final class FloatTile extends Tile {
  private static final int PAIRS = ActivationGroup.COLUMNS / 2;
  private static final int UPPER = 0xFFFF0000;
  private static final int OTHERS = 2;

  /** The blocks of a tile with many rows. */
  static final int MIN_BLOCKS = 2;

  /**
   * Tiles of so few rows that have their elements to themselves wait for them, so those are one
   * run.
   */
  static final int MAX_ROWS_OF_ONE_RUN = 1;

  private final FloatForm form;
  private final int inputBytes;
  private final Vector scratch;
  private final Vector mask;

  FloatTile(InstructionSet set, FloatForm form, int rows, int blocks, Ending ending) {
    super(set, rows, blocks, ending);
    this.form = form;
    inputBytes = form.inputs(set).bytes();
    scratch = vector(rows * blocks + blocks);
    mask = vector(rows * blocks + blocks + 1);
  }

  /** The most rows of a tile. */
  static int maxRows(InstructionSet set) {
    return set.registers() == 32 ? 12 : 6;
  }

  /** The most blocks of a tile with this many rows: 2 or 4. */
  static int maxBlocks(InstructionSet set, int rows) {
    return 4 * (rows + 1) + OTHERS <= set.registers() ? 4 : MIN_BLOCKS;
  }

  @Override
  void constants() {
    if (form == FloatForm.BF16 && !form.rounds(set())) {
      routine().constant(mask, UPPER);
    }
    routine().add(new Instruction.Copy(Register.RAX, Register.RDI));
    routine().add(new Instruction.Add(Register.RAX, Register.R9));
  }

  @Override
  void groups() {
    fetchOutput(maxRows(set()));
    routine().repeat("group", Register.R8, 1, this::group);
  }

  private void group() {
    int bytes = PAIRS * width().bytes();
    for (int pair = 0; pair < PAIRS; pair++) {
      askForOthers(maxRows(set()), form.groupBytes(set().lanes()), pair, PAIRS);
      if (form.rounds(set())) {
        fetchPairs(pair);
        addDots(pair);
      } else {
        fetchLower(pair);
        addProducts(2 * pair);
        fetchUpper(pair);
        addProducts(2 * pair + 1);
      }
    }
    routine().advance(Register.RDI, bytes);
    routine().advance(Register.RAX, bytes);
    routine().advance(Register.RSI, rows() * inputBytes);
  }

  private Vector elements(int block) {
    return vector(rows() * blocks() + block);
  }

  /** RAX is a block ahead of RDI. */
  private static Memory at(int block, int within) {
    return switch (block) {
      case 0 -> Memory.at(Register.RDI, within);
      case 1 -> Memory.at(Register.RAX, within);
      case 2 -> new Memory(Register.RDI, Register.R9, 2, within);
      default -> new Memory(Register.RAX, Register.R9, 2, within);
    };
  }

  private void fetchPairs(int pair) {
    for (int block = 0; block < blocks(); block++) {
      routine().load(elements(block), at(block, pair * width().bytes()));
    }
  }

  private void fetchLower(int pair) {
    for (int block = 0; block < blocks(); block++) {
      Memory from = at(block, pair * width().bytes());
      if (form == FloatForm.F16) {
        routine().unary(UnaryOp.VCVTPH2PS, elements(block), from);
      } else {
        routine().load(elements(block), from);
        routine().immediate(ImmediateOp.VPSLLD, elements(block), elements(block), Short.SIZE);
      }
    }
  }

  private void fetchUpper(int pair) {
    for (int block = 0; block < blocks(); block++) {
      Memory from = at(block, pair * width().bytes());
      if (form == FloatForm.F16) {
        Memory second = from.plus(width().bytes() / 2);
        routine().unary(UnaryOp.VCVTPH2PS, elements(block), second);
      } else {
        routine().binary(BinaryOp.VPAND, elements(block), mask, from);
      }
    }
  }

  private void addDots(int pair) {
    for (int row = 0; row < rows(); row++) {
      Memory input = Memory.at(Register.RSI, row * inputBytes + pair * Integer.BYTES);
      Operand factor = element(input, scratch);
      for (int block = 0; block < blocks(); block++) {
        routine().binary(BinaryOp.VDPBF16PS, sum(row, block), elements(block), factor);
      }
    }
  }

  private void addProducts(int column) {
    for (int row = 0; row < rows(); row++) {
      Memory input = Memory.at(Register.RSI, row * inputBytes + column * Float.BYTES);
      Operand factor = element(input, scratch);
      for (int block = 0; block < blocks(); block++) {
        routine().binary(BinaryOp.VFMADD231PS, sum(row, block), elements(block), factor);
      }
    }
  }
}
