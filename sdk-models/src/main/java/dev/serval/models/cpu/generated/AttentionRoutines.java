package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.ImmediateOp;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.Vector;
import java.util.List;

/** What attention does between its products; needs AVX-512 with BF16. */
final class AttentionRoutines {
  /** Where a query's state has its scale, its largest score so far, and its sum of weights. */
  static final int SCALE = 0;

  static final int MAXIMUM = 4;
  static final int SUM = 8;

  /** The size of a state, which has room for a vector behind its numbers. */
  static final int STATE_BYTES = 128;

  private static final int SPARE = 64;
  private static final int VECTOR = Width.ZMM.bytes();

  private AttentionRoutines() {}

  /**
   * Puts rows of 16 bits together in pairs, as tiles take them: {@code [block][pair][lane][row of
   * the pair]}. Registers: RDI the first row, RSI the output, RDX pairs, RCX bytes from one row to
   * the next, R8 blocks of 16 columns, R9 bytes from one block of the output to the next.
   */
  static List<Instruction> pairs() {
    Routine routine = new Routine();
    routine.repeat("block", Register.R8, 1, () -> block(routine));
    routine.end();
    return routine.instructions();
  }

  private static void block(Routine routine) {
    Vector first = zmm(0);
    Vector second = zmm(1);
    routine.add(new Instruction.Copy(Register.RAX, Register.RDI));
    routine.add(new Instruction.Copy(Register.R10, Register.RSI));
    routine.add(new Instruction.Copy(Register.R11, Register.RDX));
    routine.repeat(
        "pair",
        Register.R11,
        1,
        () -> {
          routine.unary(UnaryOp.VPMOVZXWD, first, Memory.at(Register.RAX, 0));
          routine.unary(UnaryOp.VPMOVZXWD, second, new Memory(Register.RAX, Register.RCX, 1, 0));
          routine.immediate(ImmediateOp.VPSLLD, second, second, Short.SIZE);
          routine.binary(BinaryOp.VPOR, first, first, second);
          routine.store(Memory.at(Register.R10, 0), first);
          routine.add(new Instruction.Add(Register.RAX, Register.RCX));
          routine.add(new Instruction.Add(Register.RAX, Register.RCX));
          routine.advance(Register.R10, VECTOR);
        });
    routine.advance(Register.RDI, VECTOR / 2);
    routine.add(new Instruction.Add(Register.RSI, Register.R9));
  }

  /** Turns a query's scores of a stretch into weights; see {@link Weighing}. */
  static List<Instruction> weigh() {
    return new Weighing().instructions();
  }

  /**
   * Divides by one number. Registers: RDI vectors, RSI the output, RDX how many, RCX the number.
   */
  static List<Instruction> divide() {
    Routine routine = new Routine();
    Vector divisor = zmm(0);
    Vector quotient = zmm(1);
    routine.unary(UnaryOp.VBROADCASTSS, divisor, Memory.at(Register.RCX, 0));
    routine.repeat(
        "vector",
        Register.RDX,
        1,
        () -> {
          routine.load(quotient, Memory.at(Register.RDI, 0));
          routine.binary(BinaryOp.VDIVPS, quotient, quotient, divisor);
          routine.store(Memory.at(Register.RSI, 0), quotient);
          routine.advance(Register.RDI, VECTOR);
          routine.advance(Register.RSI, VECTOR);
        });
    routine.end();
    return routine.instructions();
  }

  private static Vector zmm(int number) {
    return new Vector(number, Width.ZMM);
  }

  /**
   * The online softmax. Weights are e to the power of the score less the largest score so far;
   * their sum is kept in F32, they themselves are rounded to BF16. When a stretch has a larger
   * score than all before it, what was added up so far is scaled down. A score of minus infinity
   * gives a weight of exactly 0, so what a query does not see changes no bit.
   *
   * <p>Registers: RDI scores, RSI weights, RDX groups of 32, RCX bytes from one group of weights to
   * the next, R8 the query's state, R9 its output so far. On the stack: vectors of output.
   */
  private static final class Weighing {
    private static final int HALVES = 2;
    private static final float LOG2_E = 1.442695f;
    private static final float ROUNDER = 0x1.8p23f;
    private static final float LN2_HIGH = 0x1.62e4p-1f;
    private static final float LN2_LOW = 0x1.7f7d1cp-20f;

    /** e to the power of less than this is 0. */
    private static final float LEAST = -110;

    private static final Vector X = zmm(0);
    private static final Vector WHOLE = zmm(1);
    private static final Vector SQUARE = zmm(2);
    private static final Vector HIGH = zmm(3);
    private static final Vector LOW = zmm(4);
    private static final Vector FACTOR = zmm(7);
    private static final Vector LESS = zmm(8);
    private static final Vector SCALING = zmm(9);
    private static final Vector OLD = zmm(10);

    private final Routine routine = new Routine();
    private final Vector[] sums = {zmm(5), zmm(6)};
    private final Vector log2e = constant(16, LOG2_E);
    private final Vector rounder = constant(17, ROUNDER);
    private final Vector ln2High = constant(18, -LN2_HIGH);
    private final Vector ln2Low = constant(19, -LN2_LOW);
    private final Vector c2 = constant(20, 1 / 2f);
    private final Vector c3 = constant(21, 1 / 6f);
    private final Vector c4 = constant(22, 1 / 24f);
    private final Vector c5 = constant(23, 1 / 120f);
    private final Vector one = constant(24, 1);
    private final Vector least = constant(25, LEAST);

    private Vector constant(int number, float value) {
      routine.constant(zmm(number), Float.floatToRawIntBits(value));
      return zmm(number);
    }

    List<Instruction> instructions() {
      findMaximum();
      compareWithOld();
      for (Vector sum : sums) {
        routine.zero(sum);
      }
      routine.repeat("group", Register.RDX, 1, this::group);
      addUp();
      scaleOutput();
      routine.end();
      return routine.instructions();
    }

    private void findMaximum() {
      for (Vector most : sums) {
        routine.constant(most, Float.floatToRawIntBits(-Float.MAX_VALUE));
      }
      routine.add(new Instruction.Copy(Register.RAX, Register.RDI));
      routine.add(new Instruction.Copy(Register.R11, Register.RDX));
      routine.repeat(
          "greatest",
          Register.R11,
          1,
          () -> {
            for (int half = 0; half < HALVES; half++) {
              Memory scores = Memory.at(Register.RAX, half * VECTOR);
              routine.binary(BinaryOp.VMAXPS, sums[half], sums[half], scores);
            }
            routine.advance(Register.RAX, HALVES * VECTOR);
          });
      reduce(BinaryOp.VMAXPS);
    }

    /** Both vectors' lanes become one number, in the first lane of X and at the spare place. */
    private void reduce(BinaryOp op) {
      Memory spare = Memory.at(Register.R8, SPARE);
      Vector x = X.as(Width.YMM);
      Vector other = WHOLE.as(Width.YMM);
      routine.binary(op, X, sums[0], sums[1]);
      routine.store(spare, X);
      routine.binary(op, x, x, spare.plus(VECTOR / 2));
      routine.binary(BinaryOp.VPERM2I128, other, x, x);
      routine.binary(op, x, x, other);
      for (int exchange : new int[] {0x4E, 0xB1}) {
        routine.immediate(ImmediateOp.VPSHUFD, other, x, exchange);
        routine.binary(op, x, x, other);
      }
      routine.storeFirst(spare, x);
      routine.unary(UnaryOp.VBROADCASTSS, X, spare);
    }

    /** Leaves what outputs have to be multiplied by. */
    private void compareWithOld() {
      Memory maximum = Memory.at(Register.R8, MAXIMUM);
      routine.unary(UnaryOp.VBROADCASTSS, SCALING, Memory.at(Register.R8, SCALE));
      routine.unary(UnaryOp.VBROADCASTSS, OLD, maximum);
      routine.binary(BinaryOp.VMULPS, X, X, SCALING);
      routine.binary(BinaryOp.VMAXPS, X, X, OLD);
      routine.storeFirst(maximum, X);
      routine.zero(LESS);
      routine.binary(BinaryOp.VSUBPS, LESS, LESS, X);
      routine.binary(BinaryOp.VSUBPS, X, OLD, X);
      exponential();
      routine.load(FACTOR, X);
    }

    private void group() {
      for (int half = 0; half < HALVES; half++) {
        routine.load(X, LESS);
        Memory scores = Memory.at(Register.RDI, half * VECTOR);
        routine.binary(BinaryOp.VFMADD231PS, X, SCALING, scores);
        exponential();
        routine.binary(BinaryOp.VADDPS, sums[half], sums[half], X);
        Vector rounded = X.as(Width.YMM);
        routine.unary(UnaryOp.VCVTNEPS2BF16, rounded, X);
        routine.store(Memory.at(Register.RSI, half * VECTOR / 2), rounded);
      }
      routine.advance(Register.RDI, HALVES * VECTOR);
      routine.add(new Instruction.Add(Register.RSI, Register.RCX));
    }

    /** X becomes e to its power: a power of two, times a Taylor series for the rest. */
    private void exponential() {
      routine.binary(BinaryOp.VMAXPS, X, least, X);
      routine.load(WHOLE, rounder);
      routine.binary(BinaryOp.VFMADD231PS, WHOLE, X, log2e);
      routine.binary(BinaryOp.VSUBPS, WHOLE, WHOLE, rounder);
      routine.binary(BinaryOp.VFMADD231PS, X, WHOLE, ln2High);
      routine.binary(BinaryOp.VFMADD231PS, X, WHOLE, ln2Low);
      routine.binary(BinaryOp.VMULPS, SQUARE, X, X);
      routine.load(HIGH, c4);
      routine.binary(BinaryOp.VFMADD231PS, HIGH, X, c5);
      routine.load(LOW, c2);
      routine.binary(BinaryOp.VFMADD231PS, LOW, X, c3);
      routine.binary(BinaryOp.VFMADD231PS, LOW, SQUARE, HIGH);
      routine.binary(BinaryOp.VFMADD231PS, X, SQUARE, LOW);
      routine.binary(BinaryOp.VADDPS, X, X, one);
      routine.binary(BinaryOp.VSCALEFPS, X, X, WHOLE);
    }

    private void addUp() {
      Memory sum = Memory.at(Register.R8, SUM);
      reduce(BinaryOp.VADDPS);
      routine.unary(UnaryOp.VBROADCASTSS, OLD, sum);
      routine.binary(BinaryOp.VFMADD231PS, X, OLD, FACTOR);
      routine.storeFirst(sum, X);
    }

    private void scaleOutput() {
      Memory output = Memory.at(Register.R9, 0);
      routine.add(new Instruction.Load(Register.RDX, Memory.at(Register.RSP, Long.BYTES)));
      routine.repeat(
          "output",
          Register.RDX,
          1,
          () -> {
            routine.binary(BinaryOp.VMULPS, X, FACTOR, output);
            routine.store(output, X);
            routine.advance(Register.R9, VECTOR);
          });
    }
  }
}
