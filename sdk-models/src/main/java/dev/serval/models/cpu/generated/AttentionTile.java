package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.Vector;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Products of a few queries with keys, or of their weights with values, as these lie in the cache;
 * needs AVX-512 with BF16.
 */
final class AttentionTile {
  /*
   * A block is 16 positions of one head. Its keys lie as a matrix of 16 rows does: pairs of dimensions
   * one after the other, each of all 16 positions, so that lanes are positions and one instruction
   * adds up two dimensions of 16 scores. Its values lie as one of so many rows as there are
   * dimensions: lanes are 16 dimensions, and an instruction adds up two positions. Blocks lie anywhere,
   * so the caller has a list of their addresses.
   *
   * A score is one chain over the dimensions and an output one over the positions of the stretch, in
   * their order, whatever the number of queries: so a query's bits are the same alone and among
   * others. Two blocks are multiplied at a time, or four of values by few queries: that many chains
   * hide how long an instruction takes, and a query's element is fetched once for all of them.
   */
  /** The most queries. */
  static final int MAX_ROWS = 12;

  /** Positions of a block. */
  static final int POSITIONS = Width.ZMM.lanes();

  private static final int FEW_ROWS = 6;
  private static final int TWO = 2;
  private static final int FOUR = 4;
  private static final int VECTOR = Width.ZMM.bytes();
  private static final int PAIRS = ActivationGroup.COLUMNS / 2;
  private static final int INPUT_BYTES = InputForm.BFLOATS.bytes();

  private final Routine routine = new Routine();
  private final int rows;
  private final int blocks;

  private AttentionTile(int rows, int blocks) {
    this.rows = rows;
    this.blocks = blocks;
  }

  /** How many blocks of 16 dimensions of values are multiplied at a time. */
  static int valueBlocks(int rows, int headDim) {
    return rows <= FEW_ROWS && headDim % (FOUR * Width.ZMM.lanes()) == 0 ? FOUR : TWO;
  }

  /**
   * Scores: queries times keys. Registers: RDI addresses of blocks, RSI queries [group of 32
   * dimensions][query], RDX pairs of blocks, RCX bytes from one query's scores to the next's, R8
   * scores.
   */
  static List<Instruction> scores(int rows, int headDim) {
    return new AttentionTile(rows, TWO).scores(headDim);
  }

  /**
   * Outputs: weights times 32 or 64 dimensions of values. Registers: RDI addresses of blocks, RSI
   * weights [group of 32 positions][query], RDX groups, RCX bytes from one query's output to the
   * next's, R8 the output, R9 where the dimensions begin in a block.
   *
   * @param blockBytes from one block of 16 dimensions to the next
   */
  static List<Instruction> values(int rows, int headDim, int blockBytes) {
    return new AttentionTile(rows, valueBlocks(rows, headDim)).values(blockBytes);
  }

  private List<Instruction> scores(int headDim) {
    Register[] block = {Register.RAX, Register.R10};
    routine.repeat(
        "blocks",
        Register.RDX,
        1,
        () -> {
          for (int i = 0; i < blocks; i++) {
            routine.add(new Instruction.Load(block[i], Memory.at(Register.RDI, i * Long.BYTES)));
          }
          routine.advance(Register.RDI, blocks * Long.BYTES);
          start();
          routine.add(new Instruction.Copy(Register.R9, Register.RSI));
          routine.add(new Instruction.Set(Register.R11, headDim / ActivationGroup.COLUMNS));
          routine.repeat("group", Register.R11, 1, () -> addDimensions(block));
          routine.add(new Instruction.Copy(Register.RAX, Register.R8));
          store(Register.RAX);
          routine.advance(Register.R8, blocks * VECTOR);
        });
    routine.end();
    return routine.instructions();
  }

  private void addDimensions(Register[] block) {
    for (int pair = 0; pair < PAIRS; pair++) {
      int at = pair * VECTOR;
      add(i -> Memory.at(block[i], at), Register.R9, pair * Integer.BYTES);
    }
    for (Register pointer : block) {
      routine.advance(pointer, PAIRS * VECTOR);
    }
    routine.advance(Register.R9, rows * INPUT_BYTES);
  }

  private List<Instruction> values(int blockBytes) {
    start();
    routine.repeat(
        "group",
        Register.RDX,
        1,
        () -> {
          for (int half = 0; half < TWO; half++) {
            routine.add(
                new Instruction.Load(Register.RAX, Memory.at(Register.RDI, half * Long.BYTES)));
            routine.add(new Instruction.Add(Register.RAX, Register.R9));
            addPositions(half * INPUT_BYTES / TWO, blockBytes);
          }
          routine.advance(Register.RDI, TWO * Long.BYTES);
          routine.advance(Register.RSI, rows * INPUT_BYTES);
        });
    store(Register.R8);
    routine.end();
    return routine.instructions();
  }

  private void addPositions(int weights, int blockBytes) {
    for (int pair = 0; pair < POSITIONS / 2; pair++) {
      int at = pair * VECTOR;
      add(
          block -> Memory.at(Register.RAX, block * blockBytes + at),
          Register.RSI,
          weights + pair * Integer.BYTES);
    }
  }

  private void start() {
    for (int i = 0; i < rows * blocks; i++) {
      routine.zero(vector(i));
    }
  }

  /** Adds a pair of each block, times each row's factor. */
  private void add(IntFunction<Memory> pairs, Register inputs, int within) {
    Vector factor = vector(rows * blocks + blocks);
    for (int block = 0; block < blocks; block++) {
      routine.load(vector(rows * blocks + block), pairs.apply(block));
    }
    for (int row = 0; row < rows; row++) {
      routine.unary(UnaryOp.VBROADCASTSS, factor, Memory.at(inputs, row * INPUT_BYTES + within));
      for (int block = 0; block < blocks; block++) {
        Vector sum = vector(row * blocks + block);
        routine.binary(BinaryOp.VDPBF16PS, sum, vector(rows * blocks + block), factor);
      }
    }
  }

  private void store(Register output) {
    for (int row = 0; row < rows; row++) {
      for (int block = 0; block < blocks; block++) {
        routine.store(Memory.at(output, block * VECTOR), vector(row * blocks + block));
      }
      routine.add(new Instruction.Add(output, Register.RCX));
    }
  }

  private static Vector vector(int number) {
    return new Vector(number, Width.ZMM);
  }
}
