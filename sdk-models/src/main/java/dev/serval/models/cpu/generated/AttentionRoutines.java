package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.arithmetic.Exponential;
import dev.serval.models.cpu.attention.AttentionSums;
import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.ImmediateOp;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.Vector;
import java.util.List;

/** What attention does between its products; needs AVX-512 with BF16. */
final class AttentionRoutines {
  /** Where a worker's constants have the scale of scores; a vector of room is behind it. */
  static final int SCALE = 0;

  /** The size of a worker's constants. */
  static final int CONSTANTS_BYTES = 128;

  private static final int SPARE = 64;
  private static final int VECTOR = Width.ZMM.bytes();

  private AttentionRoutines() {}

  /** Turns a query's scores of a stretch into weights; see {@link Weighing}. */
  static List<Instruction> weigh() {
    return new Weighing().instructions();
  }

  /** Adds what stretches came to to what those before them came to; see {@link Merging}. */
  static List<Instruction> merge() {
    return new Merging().instructions();
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
   * e to the power of X, which it becomes: a power of two, times a Taylor series for the rest.
   * Minus infinity gives exactly 0.
   */
  private static final class Exponential {
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

    private final Routine routine;
    private final Vector log2e;
    private final Vector rounder;
    private final Vector ln2High;
    private final Vector ln2Low;
    private final Vector c2;
    private final Vector c3;
    private final Vector c4;
    private final Vector c5;
    private final Vector one;
    private final Vector least;

    Exponential(Routine routine) {
      this.routine = routine;
      log2e = constant(16, LOG2_E);
      rounder = constant(17, ROUNDER);
      ln2High = constant(18, -LN2_HIGH);
      ln2Low = constant(19, -LN2_LOW);
      c2 = constant(20, 1 / 2f);
      c3 = constant(21, 1 / 6f);
      c4 = constant(22, 1 / 24f);
      c5 = constant(23, 1 / 120f);
      one = constant(24, 1);
      least = constant(25, LEAST);
    }

    private Vector constant(int number, float value) {
      routine.constant(zmm(number), Float.floatToRawIntBits(value));
      return zmm(number);
    }

    void apply() {
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
  }

  /**
   * The softmax of a stretch. Weights are e to the power of the score less the largest score of the
   * stretch; their sum is kept in F32, they themselves are rounded to BF16. A score of minus
   * infinity gives a weight of exactly 0, so what a query does not see changes no bit.
   *
   * <p>Registers: RDI scores, RSI weights, RDX groups of 32, RCX bytes from one group of weights to
   * the next, R8 the worker's constants, R9 the query's {@link AttentionSums}.
   */
  private static final class Weighing {
    private static final int HALVES = 2;
    private static final Vector X = Exponential.X;
    private static final Vector OTHER = Exponential.WHOLE;
    private static final Vector LESS = zmm(8);
    private static final Vector SCALING = zmm(9);
    private static final Vector LOWEST = zmm(10);

    private final Routine routine = new Routine();
    private final Exponential exponential = new Exponential(routine);
    private final Vector[] sums = {zmm(5), zmm(6)};

    List<Instruction> instructions() {
      findMaximum();
      for (Vector sum : sums) {
        routine.zero(sum);
      }
      routine.repeat("group", Register.RDX, 1, this::group);
      reduce(BinaryOp.VADDPS);
      routine.storeFirst(Memory.at(Register.R9, AttentionSums.SUM), X);
      routine.end();
      return routine.instructions();
    }

    /**
     * Stores it, and leaves what is to be taken off each score: a finite number, unless it is NaN.
     */
    private void findMaximum() {
      routine.constant(LOWEST, Float.floatToRawIntBits(-Float.MAX_VALUE));
      for (Vector most : sums) {
        routine.load(most, LOWEST);
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
      routine.unary(UnaryOp.VBROADCASTSS, SCALING, Memory.at(Register.R8, SCALE));
      routine.binary(BinaryOp.VMULPS, X, X, SCALING);
      routine.binary(BinaryOp.VMAXPS, X, LOWEST, X);
      routine.storeFirst(Memory.at(Register.R9, AttentionSums.MAXIMUM), X);
      routine.zero(LESS);
      routine.binary(BinaryOp.VSUBPS, LESS, LESS, X);
    }

    /** Both vectors' lanes become one number, in all lanes of X. */
    private void reduce(BinaryOp op) {
      Memory spare = Memory.at(Register.R8, SPARE);
      Vector x = X.as(Width.YMM);
      Vector other = OTHER.as(Width.YMM);
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

    private void group() {
      for (int half = 0; half < HALVES; half++) {
        routine.load(X, LESS);
        Memory scores = Memory.at(Register.RDI, half * VECTOR);
        routine.binary(BinaryOp.VFMADD231PS, X, SCALING, scores);
        exponential.apply();
        routine.binary(BinaryOp.VADDPS, sums[half], sums[half], X);
        Vector rounded = X.as(Width.YMM);
        routine.unary(UnaryOp.VCVTNEPS2BF16, rounded, X);
        routine.store(Memory.at(Register.RSI, half * VECTOR / 2), rounded);
      }
      routine.advance(Register.RDI, HALVES * VECTOR);
      routine.add(new Instruction.Add(Register.RSI, Register.RCX));
    }
  }

  /**
   * The online softmax: of what is there and what is added, that with the smaller largest score is
   * scaled down, and their sums and outputs are added up.
   *
   * <p>Registers: RDI the {@link AttentionSums} that others are added to, RSI those that are added,
   * RDX how many times, RCX and R8 how far both go on each time, R9 vectors of output.
   */
  private static final class Merging {
    private static final Vector X = Exponential.X;
    private static final Vector OLD = zmm(5);
    private static final Vector NEW = zmm(6);
    private static final Vector GREATER = zmm(7);
    private static final Vector OLD_FACTOR = zmm(8);
    private static final Vector NEW_FACTOR = zmm(9);

    private final Routine routine = new Routine();
    private final Exponential exponential = new Exponential(routine);

    List<Instruction> instructions() {
      routine.repeat("sums", Register.RDX, 1, this::add);
      routine.end();
      return routine.instructions();
    }

    private void add() {
      Memory maximum = Memory.at(Register.RDI, AttentionSums.MAXIMUM);
      routine.unary(UnaryOp.VBROADCASTSS, OLD, maximum);
      routine.unary(UnaryOp.VBROADCASTSS, NEW, Memory.at(Register.RSI, AttentionSums.MAXIMUM));
      routine.binary(BinaryOp.VMAXPS, GREATER, OLD, NEW);
      routine.storeFirst(maximum, GREATER);
      factor(OLD_FACTOR, OLD);
      factor(NEW_FACTOR, NEW);
      Memory sum = Memory.at(Register.RDI, AttentionSums.SUM);
      routine.unary(UnaryOp.VBROADCASTSS, OLD, sum);
      routine.unary(UnaryOp.VBROADCASTSS, NEW, Memory.at(Register.RSI, AttentionSums.SUM));
      scale();
      routine.storeFirst(sum, X);
      addOutputs();
      routine.add(new Instruction.Add(Register.RDI, Register.RCX));
      routine.add(new Instruction.Add(Register.RSI, Register.R8));
    }

    private void factor(Vector factor, Vector maximum) {
      routine.binary(BinaryOp.VSUBPS, X, maximum, GREATER);
      exponential.apply();
      routine.load(factor, X);
    }

    private void scale() {
      routine.binary(BinaryOp.VMULPS, X, OLD, OLD_FACTOR);
      routine.binary(BinaryOp.VFMADD231PS, X, NEW, NEW_FACTOR);
    }

    private void addOutputs() {
      routine.add(new Instruction.Copy(Register.RAX, Register.RDI));
      routine.add(new Instruction.Copy(Register.R10, Register.RSI));
      routine.add(new Instruction.Copy(Register.R11, Register.R9));
      routine.repeat(
          "output",
          Register.R11,
          1,
          () -> {
            Memory output = Memory.at(Register.RAX, AttentionSums.OUTPUT);
            routine.load(OLD, output);
            routine.load(NEW, Memory.at(Register.R10, AttentionSums.OUTPUT));
            scale();
            routine.store(output, X);
            routine.advance(Register.RAX, VECTOR);
            routine.advance(Register.R10, VECTOR);
          });
    }
  }
}
