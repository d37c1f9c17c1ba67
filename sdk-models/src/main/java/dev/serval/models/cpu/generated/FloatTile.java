package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.ImmediateOp;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.Vector;

/**
 * A tile of BF16 or binary16 elements; see {@link Tile}. Without dot products of BF16, elements are
 * widened to F32 and multiplied column after column. Few rows are multiplied with several blocks,
 * since a sum waits for the one before it.
 */
final class FloatTile extends Tile {
  /** The most rows of a tile. */
  static final int MAX_ROWS = 12;

  private static final int PAIRS = ActivationGroup.COLUMNS / 2;
  private static final int UPPER = 0xFFFF0000;
  private static final int AHEAD = 1024;

  private final FloatForm form;
  private final int inputBytes;
  private final Vector lower;
  private final Vector upper;
  private final Vector scratch;
  private final Vector mask;

  FloatTile(InstructionSet set, FloatForm form, int rows, int blocks, Ending ending) {
    super(set, rows, blocks, ending);
    this.form = form;
    inputBytes = form.inputs(set).bytes();
    lower = vector(rows * blocks);
    upper = vector(rows * blocks + 1);
    scratch = vector(rows * blocks + 2);
    mask = vector(rows * blocks + 3);
  }

  /** The most blocks of a tile with this many rows: 1, 2 or 4. */
  static int maxBlocks(InstructionSet set, int rows) {
    return Math.clamp(Integer.highestOneBit(maxSums(set) / rows), 1, 4);
  }

  private static int maxSums(InstructionSet set) {
    return (set.registers() - 4) / MAX_ROWS * MAX_ROWS;
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
    routine().repeat("group", Register.R8, 1, this::group);
  }

  private void group() {
    int bytes = PAIRS * width().bytes();
    for (int pair = 0; pair < PAIRS; pair++) {
      for (int block = 0; block < blocks(); block++) {
        pair(pair, block);
      }
    }
    routine().advance(Register.RDI, bytes);
    routine().advance(Register.RAX, bytes);
    routine().advance(Register.RSI, rows() * inputBytes);
  }

  private void pair(int pair, int block) {
    int bytes = width().bytes();
    if (block == 0 && blocks() == 1) {
      prefetchLine(pair);
    }
    Memory at = element(block, pair * bytes);
    if (form.rounds(set())) {
      routine().load(lower, at);
      addDots(pair, block);
      return;
    }
    if (form == FloatForm.F16) {
      routine().unary(UnaryOp.VCVTPH2PS, lower, at);
      routine().unary(UnaryOp.VCVTPH2PS, upper, at.plus(bytes / 2));
    } else {
      routine().load(upper, at);
      routine().immediate(ImmediateOp.VPSLLD, lower, upper, Short.SIZE);
      routine().binary(BinaryOp.VPAND, upper, upper, mask);
    }
    addProducts(2 * pair, block, lower);
    addProducts(2 * pair + 1, block, upper);
  }

  private void prefetchLine(int pair) {
    int at = pair * width().bytes();
    if (at % 64 == 0) {
      routine().add(new Instruction.Prefetch(Memory.at(Register.RDI, AHEAD + at)));
    }
  }

  /** RAX is a block ahead of RDI. */
  private static Memory element(int block, int at) {
    return switch (block) {
      case 0 -> Memory.at(Register.RDI, at);
      case 1 -> Memory.at(Register.RAX, at);
      case 2 -> new Memory(Register.RDI, Register.R9, 2, at);
      default -> new Memory(Register.RAX, Register.R9, 2, at);
    };
  }

  private void addDots(int pair, int block) {
    for (int row = 0; row < rows(); row++) {
      Memory input = Memory.at(Register.RSI, row * inputBytes + pair * Integer.BYTES);
      routine().binary(BinaryOp.VDPBF16PS, sum(row, block), lower, new Operand.Broadcast(input));
    }
  }

  private void addProducts(int column, int block, Vector elements) {
    for (int row = 0; row < rows(); row++) {
      Memory input = Memory.at(Register.RSI, row * inputBytes + column * Float.BYTES);
      Operand factor = element(input, scratch);
      routine().binary(BinaryOp.VFMADD231PS, sum(row, block), elements, factor);
    }
  }
}
