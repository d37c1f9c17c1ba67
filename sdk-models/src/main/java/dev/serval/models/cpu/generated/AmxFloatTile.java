package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.TileRegister;
import dev.serval.models.cpu.generated.Operand.Vector;
import java.util.Arrays;
import java.util.List;

/**
 * A tile of BF16 elements, multiplied as matrices; see {@link Tile}. A group of a block is just
 * what a tile register holds, and so is a group of 16 rows of inputs. Products of a group's even
 * columns are added up, and those of its odd columns, then both, then this and what other groups
 * gave.
 */
final class AmxFloatTile extends Tile {
  private static final int REGISTER_ROWS = 16;
  private static final int ROW_BYTES = 64;
  private static final int REGISTER_BYTES = REGISTER_ROWS * ROW_BYTES;
  private static final int REGISTERS = 8;

  /** Where in a group a block's elements begin. */
  private static final List<Register> BLOCKS =
      List.of(Register.RDI, Register.RAX, Register.R11, Register.R9);

  private final int parts;
  private final int inputsAt;
  private final int elementsAt;

  AmxFloatTile(InstructionSet set, int rows, int blocks, Ending ending) {
    super(set, rows, blocks, ending);
    parts = Math.ceilDiv(rows, REGISTER_ROWS);
    inputsAt = parts * blocks;
    elementsAt = inputsAt + parts;
  }

  /** The most rows of a tile. */
  static int maxRows() {
    return 2 * REGISTER_ROWS;
  }

  /** The most blocks of a tile with this many rows: 2 or 4. */
  static int maxBlocks(int rows) {
    return rows > REGISTER_ROWS ? 2 : 4;
  }

  private int rows(int part) {
    return Math.min(REGISTER_ROWS, rows() - part * REGISTER_ROWS);
  }

  private TileRegister sums(int part, int block) {
    return new TileRegister(part * blocks() + block);
  }

  private TileRegister inputs(int part) {
    return new TileRegister(inputsAt + part);
  }

  private TileRegister elements(int block) {
    return new TileRegister(elementsAt + block % (REGISTERS - elementsAt));
  }

  private TileShapes shapes() {
    TileShapes.Shape[] shapes = new TileShapes.Shape[REGISTERS];
    Arrays.fill(shapes, new TileShapes.Shape(REGISTER_ROWS, ROW_BYTES));
    for (int part = 0; part < parts; part++) {
      TileShapes.Shape shape = new TileShapes.Shape(rows(part), ROW_BYTES);
      shapes[inputs(part).number()] = shape;
      for (int block = 0; block < blocks(); block++) {
        shapes[sums(part, block).number()] = shape;
      }
    }
    return new TileShapes(List.of(shapes));
  }

  @Override
  void constants() {
    routine().add(new Instruction.Set(Register.R10, ROW_BYTES));
    for (int block = 1; block < BLOCKS.size(); block++) {
      boolean last = block == BLOCKS.size() - 1;
      Register from = last ? BLOCKS.get(block - 1) : Register.R9;
      if (!last) {
        routine().add(new Instruction.Copy(BLOCKS.get(block), BLOCKS.get(block - 1)));
      }
      routine().add(new Instruction.Add(BLOCKS.get(block), from));
    }
  }

  /** New shapes make all registers 0. */
  @Override
  void start() {
    routine().add(new Instruction.ShapeTiles(shapes()));
  }

  @Override
  void groups() {
    routine().repeat("group", Register.R8, 1, this::group);
  }

  private void group() {
    for (int part = 0; part < parts; part++) {
      load(inputs(part), Register.RSI, part * REGISTER_BYTES);
    }
    for (int block = 0; block < blocks(); block++) {
      load(elements(block), BLOCKS.get(block), 0);
      for (int part = 0; part < parts; part++) {
        routine()
            .add(new Instruction.MultiplyTiles(sums(part, block), inputs(part), elements(block)));
      }
      routine().advance(BLOCKS.get(block), REGISTER_BYTES);
    }
    routine().advance(Register.RSI, rows() * ROW_BYTES);
  }

  private void load(TileRegister target, Register base, int displacement) {
    routine()
        .add(new Instruction.LoadTile(target, new Memory(base, Register.R10, 1, displacement)));
  }

  @Override
  void finish() {
    if (ending() == Ending.ADD) {
      routine().advance(Register.RSP, -REGISTER_BYTES);
    }
    for (int part = 0; part < parts; part++) {
      for (int block = 0; block < blocks(); block++) {
        finish(part, block);
      }
      nextPart();
    }
    if (ending() == Ending.ADD) {
      routine().advance(Register.RSP, REGISTER_BYTES);
    }
    routine().add(new Instruction.ReleaseTiles());
  }

  private void finish(int part, int block) {
    int at = block * ROW_BYTES;
    if (ending() == Ending.STORE) {
      Memory out = new Memory(Register.RDX, Register.RCX, 1, at);
      routine().add(new Instruction.StoreTile(out, sums(part, block)));
      return;
    }
    Memory stack = new Memory(Register.RSP, Register.R10, 1, 0);
    routine().add(new Instruction.StoreTile(stack, sums(part, block)));
    routine().add(new Instruction.Copy(Register.RAX, Register.RDX));
    Vector sum = vector(0);
    for (int row = 0; row < rows(part); row++) {
      Memory out = Memory.at(Register.RAX, at);
      routine().load(sum, Memory.at(Register.RSP, row * ROW_BYTES));
      routine().binary(BinaryOp.VADDPS, sum, sum, out);
      routine().store(out, sum);
      routine().add(new Instruction.Add(Register.RAX, Register.RCX));
    }
  }

  private void nextPart() {
    routine().add(new Instruction.Copy(Register.RAX, Register.RCX));
    for (int rows = 1; rows < REGISTER_ROWS; rows *= 2) {
      routine().add(new Instruction.Add(Register.RAX, Register.RAX));
    }
    routine().add(new Instruction.Add(Register.RDX, Register.RAX));
  }
}
