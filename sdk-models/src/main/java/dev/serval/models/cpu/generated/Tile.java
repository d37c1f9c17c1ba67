package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Operand.Broadcast;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.Vector;
import java.util.List;
import java.util.function.IntConsumer;

/** A micro-kernel: a few rows of inputs times a few blocks of matrix rows, all columns of them. */
abstract sealed class Tile permits IntegerTile, FloatTile, AmxFloatTile {
  /*
   * A matrix lies in blocks of as many rows as a vector has lanes. A lane is a matrix row, so nothing
   * is ever added up across lanes, and a block's scales are vectors like its codes. What four columns
   * (two of BF16) of one row take is the 32 bits of a lane: the unit of the instructions for dot
   * products. An input's unit for the same columns is fetched as a broadcast, and serves all lanes.
   *
   * All sums of a tile stay in registers from the first column to the last. Columns come in groups of
   * 32, which is what a scale of either side covers. Within a group integers are multiplied and added
   * up exactly; behind it the sum is turned into a float, multiplied by the product of both scales and
   * added to the tile's sum in one rounding. The order is the same for each output, whatever the
   * tile's size, whatever the instruction set: an output has the same bits alone and in any batch, and
   * with AVX2 as with AVX-512.
   *
   * The instruction for dot products multiplies unsigned by signed bytes. Codes are made unsigned by
   * an offset; what this adds is the offset times the sum of the group's inputs, with which sums
   * start. Where there is no such instruction, three do its work: multiply bytes and add neighbours to
   * 16 bits, add neighbours to 32, add up. The first saturates, but only from 2 · 128 · 128 on, and no
   * input is as small as −128, so it is enough to turn the signs of codes and inputs where a code is
   * negative. Nibbles stay within 16 bits for a whole group (8 · 2 · 15 · 127), which saves two of the
   * three.
   *
   * Codes of two bits lie in vectors by fours, nibbles by twos, and codes of three bits by twos as
   * well, with the last two in what is left: most are had by a shift and a mask. Codes that choose
   * numbers stay codes in memory, which is what a row alone waits for. A shuffle of bytes takes each
   * from a table of up to sixteen, which has a register but for AVX2 alone: there it is loaded each
   * time, and so is the mask of codes.
   *
   * While a tile is multiplied, the memory would have little to do if its codes are in the cache:
   * others' codes are fetched meanwhile, to the second-level cache, as the first has just room for
   * inputs. They are asked for a line at a time, as often as a tile reads a line of its own: many at
   * once would have to wait, and what is asked for behind them too. Of many rows, outputs are no longer
   * in the cache either, so their lines are asked for before sums are made.
   *
   * Registers: RDI codes, RSI inputs [group][row], RDX what is fetched meanwhile, RCX how much further
   * on each time, R8 groups, R9 bytes from one block to the next. On the stack: output, bytes from one
   * output row to the next. Behind the groups RDX and RCX have these.
   */
  private final InstructionSet set;
  private final int rows;
  private final int blocks;
  private final Ending ending;
  private final Routine routine = new Routine();

  Tile(InstructionSet set, int rows, int blocks, Ending ending) {
    this.set = set;
    this.rows = rows;
    this.blocks = blocks;
    this.ending = ending;
  }

  /** The instructions. Asked for once. */
  final List<Instruction> instructions() {
    constants();
    start();
    groups();
    findOutput();
    finish();
    routine.end();
    return routine.instructions();
  }

  /** Loads what stays in registers. */
  abstract void constants();

  /** All groups, one after the other. */
  abstract void groups();

  /** What is on the stack lies behind the address to return to. */
  private void findOutput() {
    routine.add(new Instruction.Load(Register.RDX, Memory.at(Register.RSP, Long.BYTES)));
    routine.add(new Instruction.Load(Register.RCX, Memory.at(Register.RSP, 2 * Long.BYTES)));
  }

  /** Makes all sums 0. */
  void start() {
    for (int i = 0; i < rows * blocks; i++) {
      routine.zero(vector(i));
    }
  }

  /** Does with the sums what the ending says. */
  void finish() {
    for (int row = 0; row < rows; row++) {
      finish(row);
    }
  }

  private void finish(int row) {
    for (int block = 0; block < blocks; block++) {
      Memory out = Memory.at(Register.RDX, block * width().bytes());
      if (ending == Ending.ADD) {
        routine.binary(BinaryOp.VADDPS, sum(row, block), sum(row, block), out);
      }
      routine.store(out, sum(row, block));
    }
    routine.add(new Instruction.Add(Register.RDX, Register.RCX));
  }

  final Routine routine() {
    return routine;
  }

  final InstructionSet set() {
    return set;
  }

  final Width width() {
    return set.width();
  }

  final int rows() {
    return rows;
  }

  final int blocks() {
    return blocks;
  }

  final Ending ending() {
    return ending;
  }

  final Vector vector(int number) {
    return set.vector(number);
  }

  final Vector sum(int row, int block) {
    return vector(row * blocks + block);
  }

  /**
   * An element for all lanes of all blocks: an operand where just one block takes it and the
   * instruction set allows it, otherwise fetched once, since a processor fetches less than it
   * multiplies.
   */
  final Operand element(Memory at, Vector scratch) {
    if (blocks == 1 && set.broadcasts()) {
      return new Broadcast(at);
    }
    routine.unary(UnaryOp.VBROADCASTSS, scratch, at);
    return scratch;
  }

  /** Asks for the lines that sums will go to, unless tiles of so few rows are always alone. */
  final void fetchOutput(int maxRows) {
    if (!sharesCodes(maxRows)) {
      return;
    }
    routine.add(new Instruction.Load(Register.R10, Memory.at(Register.RSP, Long.BYTES)));
    routine.add(new Instruction.Load(Register.R11, Memory.at(Register.RSP, 2 * Long.BYTES)));
    for (int row = 0; row < rows; row++) {
      routine.prefetch(Memory.at(Register.R10, 0), blocks * width().bytes());
      routine.add(new Instruction.Add(Register.R10, Register.R11));
    }
  }

  /** How often a tile of so many blocks asks for a line of others while it multiplies a group. */
  static int asks(int blocks, int groupBytes) {
    return Math.ceilDiv(blocks * groupBytes, Routine.LINE);
  }

  /** Does its share of something that is done so often in all of so many steps. */
  static void spread(int times, int step, int steps, IntConsumer each) {
    for (int i = times * step / steps; i < times * (step + 1) / steps; i++) {
      each.accept(i);
    }
  }

  /** Whether it has so many rows that other tiles may multiply the same codes. */
  final boolean sharesCodes(int maxRows) {
    return 2 * rows >= maxRows;
  }

  /** Asks for lines for others in one of a group's steps, unless it is always alone. */
  final void askForOthers(int maxRows, int groupBytes, int step, int steps) {
    if (sharesCodes(maxRows)) {
      spread(asks(blocks, groupBytes), step, steps, line -> ask());
    }
  }

  private void ask() {
    routine.prefetchLater(Memory.at(Register.RDX, 0), Routine.LINE);
    routine.add(new Instruction.Add(Register.RDX, Register.RCX));
  }
}
