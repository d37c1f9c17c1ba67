package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.attention.AttentionKernel;
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
   *
   * A head's part of a block is half a page or less, which ends before a processor has begun to fetch
   * ahead. So with few queries, for which memory is what takes the time, each line that is read comes
   * with the request for one that is needed next: values while keys are multiplied, and keys of the
   * next stretch or head while values are.
   */
  /** The most queries. */
  static final int MAX_ROWS = 12;

  /** Positions of a block. */
  static final int POSITIONS = Width.ZMM.lanes();

  /** How far behind an address in the list the one is of what to ask for meanwhile. */
  static final int ASKED = AttentionKernel.STRETCH / POSITIONS * Long.BYTES;

  /** The size of 16 dimensions of a block's values. */
  static final int RUN_BYTES = POSITIONS / 2 * Width.ZMM.bytes();

  private static final int FEW_ROWS = 6;
  private static final int MOST_ROWS_THAT_ASK = 8;
  private static final int TWO = 2;
  private static final int FOUR = 4;
  private static final int VECTOR = Width.ZMM.bytes();
  private static final int PAIRS = ActivationGroup.COLUMNS / 2;
  private static final int RUN_PAIRS = POSITIONS / 2;
  private static final int INPUT_BYTES = InputForm.BFLOATS.bytes();

  private final Routine routine = new Routine();
  private final int rows;
  private final int blocks;
  private final int outputStep;
  private final int runBytes;

  private AttentionTile(int rows, int blocks, int outputStep, int runBytes) {
    this.rows = rows;
    this.blocks = blocks;
    this.outputStep = outputStep;
    this.runBytes = runBytes;
  }

  /** Whether a tile of so many queries asks for lines that are needed next. */
  static boolean asks(int rows) {
    return rows <= MOST_ROWS_THAT_ASK;
  }

  /** How many blocks of 16 dimensions of values are multiplied at a time. */
  static int valueBlocks(int rows, int valueDim) {
    return rows <= FEW_ROWS && valueDim % (FOUR * Width.ZMM.lanes()) == 0 ? FOUR : TWO;
  }

  /**
   * Scores: queries times keys. Registers: RDI addresses of blocks of keys, {@link #ASKED} behind
   * them those of values, RSI queries [group of 32 dimensions][query], RDX pairs of blocks, RCX
   * scores.
   *
   * @param outputStep bytes from one query's scores to the next's
   * @param runBytes bytes from 16 dimensions of values to the next
   */
  static List<Instruction> scores(int rows, int headDim, int outputStep, int runBytes) {
    return new AttentionTile(rows, TWO, outputStep, runBytes).scores(headDim);
  }

  /**
   * Outputs: weights times 32 or 64 dimensions of values. Registers: RDI addresses of blocks of
   * values, {@link #ASKED} behind them those of keys that come next, RSI weights [group of 32
   * positions][query], RDX groups, RCX the output, R8 where the dimensions begin in a block, R9
   * where what to ask for does in a block of keys.
   *
   * @param outputStep bytes from one query's output to the next's
   * @param runBytes bytes from 16 dimensions of values to the next
   */
  static List<Instruction> values(int rows, int valueDim, int outputStep, int runBytes) {
    return new AttentionTile(rows, valueBlocks(rows, valueDim), outputStep, runBytes).values();
  }

  private List<Instruction> scores(int headDim) {
    int groups = headDim / ActivationGroup.COLUMNS;
    List<Register> keys = List.of(Register.RAX, Register.R10);
    List<Register> values = List.of(Register.R8, Register.R9);
    routine.repeat(
        "blocks",
        Register.RDX,
        1,
        () -> {
          for (int block = 0; block < blocks; block++) {
            fetchAddress(keys.get(block), block * Long.BYTES);
            fetchAddress(values.get(block), block * Long.BYTES + ASKED);
          }
          routine.advance(Register.RDI, blocks * Long.BYTES);
          start();
          routine.add(new Instruction.Set(Register.R11, groups));
          routine.repeat("group", Register.R11, 1, () -> addDimensions(keys, values));
          routine.advance(Register.RSI, -groups * rows * INPUT_BYTES);
          store();
          routine.advance(Register.RCX, blocks * VECTOR);
        });
    routine.end();
    return routine.instructions();
  }

  private void fetchAddress(Register pointer, int at) {
    routine.add(new Instruction.Load(pointer, Memory.at(Register.RDI, at)));
  }

  private void addDimensions(List<Register> keys, List<Register> values) {
    for (int pair = 0; pair < PAIRS; pair++) {
      int at = pair * VECTOR;
      int asked = pair / RUN_PAIRS * runBytes + pair % RUN_PAIRS * VECTOR;
      values.forEach(pointer -> ask(Memory.at(pointer, asked)));
      add(block -> Memory.at(keys.get(block), at), pair * Integer.BYTES);
    }
    keys.forEach(pointer -> routine.advance(pointer, PAIRS * VECTOR));
    values.forEach(pointer -> routine.advance(pointer, PAIRS / RUN_PAIRS * runBytes));
    routine.advance(Register.RSI, rows * INPUT_BYTES);
  }

  private List<Instruction> values() {
    start();
    routine.repeat(
        "group",
        Register.RDX,
        1,
        () -> {
          for (int half = 0; half < TWO; half++) {
            fetchAddress(Register.RAX, half * Long.BYTES);
            fetchAddress(Register.R10, half * Long.BYTES + ASKED);
            routine.add(new Instruction.Add(Register.RAX, Register.R8));
            routine.add(new Instruction.Add(Register.R10, Register.R9));
            addPositions(half * INPUT_BYTES / TWO);
          }
          routine.advance(Register.RDI, TWO * Long.BYTES);
          routine.advance(Register.RSI, rows * INPUT_BYTES);
        });
    store();
    routine.end();
    return routine.instructions();
  }

  private void addPositions(int weights) {
    for (int pair = 0; pair < RUN_PAIRS; pair++) {
      int at = pair * VECTOR;
      for (int block = 0; block < blocks; block++) {
        ask(Memory.at(Register.R10, block * RUN_BYTES + at));
      }
      add(block -> Memory.at(Register.RAX, block * runBytes + at), weights + pair * Integer.BYTES);
    }
  }

  /** Asks for a line that is needed next, unless there are so many rows that there is time. */
  private void ask(Memory line) {
    if (asks(rows)) {
      routine.prefetchLater(line, Routine.LINE);
    }
  }

  private void start() {
    for (int i = 0; i < rows * blocks; i++) {
      routine.zero(vector(i));
    }
  }

  /** Adds a pair of each block, times each row's factor. */
  private void add(IntFunction<Memory> pairs, int factors) {
    Vector factor = vector(rows * blocks + blocks);
    for (int block = 0; block < blocks; block++) {
      routine.load(vector(rows * blocks + block), pairs.apply(block));
    }
    for (int row = 0; row < rows; row++) {
      Memory input = Memory.at(Register.RSI, row * INPUT_BYTES + factors);
      routine.unary(UnaryOp.VBROADCASTSS, factor, input);
      for (int block = 0; block < blocks; block++) {
        Vector sum = vector(row * blocks + block);
        routine.binary(BinaryOp.VDPBF16PS, sum, vector(rows * blocks + block), factor);
      }
    }
  }

  private void store() {
    for (int row = 0; row < rows; row++) {
      for (int block = 0; block < blocks; block++) {
        Memory output = Memory.at(Register.RCX, row * outputStep + block * VECTOR);
        routine.store(output, vector(row * blocks + block));
      }
    }
  }

  private static Vector vector(int number) {
    return new Vector(number, Width.ZMM);
  }
}
