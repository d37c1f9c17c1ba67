package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.ImmediateOp;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.Vector;
import java.util.List;

/**
 * Routines that turn groups of an F32 row into what tiles take in. Registers: RDI the row, RSI the
 * output, RDX groups, RCX bytes from one group of the output to the next.
 */
final class InputRoutines {
  private static final int GROUP_BYTES = ActivationGroup.COLUMNS * Float.BYTES;

  /** How far ahead of what is turned lines are asked for: rows lie one after the other. */
  private static final int AHEAD = 1024;

  private InputRoutines() {}

  /** Copies. */
  static List<Instruction> copy() {
    Routine routine = new Routine();
    return each(
        routine,
        () -> {
          for (int at = 0; at < GROUP_BYTES; at += Width.YMM.bytes()) {
            Vector vector = ymm(at / Width.YMM.bytes());
            routine.load(vector, Memory.at(Register.RDI, at));
            routine.store(Memory.at(Register.RSI, at), vector);
          }
        });
  }

  /** Rounds to BF16; needs AVX-512 with BF16. */
  static List<Instruction> round() {
    Routine routine = new Routine();
    return each(
        routine,
        () -> {
          for (int half = 0; half < 2; half++) {
            Memory from = Memory.at(Register.RDI, half * Width.ZMM.bytes());
            routine.unary(UnaryOp.VCVTNEPS2BF16, ymm(half), from);
            routine.store(Memory.at(Register.RSI, half * Width.YMM.bytes()), ymm(half));
          }
        });
  }

  /** Rounds to 8-bit groups. */
  static List<Instruction> quantise() {
    return new Quantisation().instructions();
  }

  private static List<Instruction> each(Routine routine, Runnable body) {
    routine.repeat(
        "group",
        Register.RDX,
        1,
        () -> {
          routine.prefetch(Memory.at(Register.RDI, AHEAD), GROUP_BYTES);
          body.run();
          routine.advance(Register.RDI, GROUP_BYTES);
          routine.add(new Instruction.Add(Register.RSI, Register.RCX));
        });
    routine.end();
    return routine.instructions();
  }

  private static Vector ymm(int number) {
    return new Vector(number, Width.YMM);
  }

  /**
   * See {@link ActivationGroup}. The greatest magnitude is found among the bits of magnitudes as
   * integers, in whose order infinity comes after all numbers and NaN after infinity.
   */
  private static final class Quantisation {
    private static final int PARTS = 4;
    private static final Vector GREATEST = ymm(4);
    private static final Vector SCALE = ymm(5);
    private static final Vector FACTOR = ymm(6);
    private static final Vector SCRATCH = ymm(7);
    private static final Vector MAGNITUDE = ymm(8);
    private static final Vector LEAST = ymm(9);
    private static final Vector RANGE = ymm(10);
    private static final Vector STEP = ymm(11);
    private static final Vector ONE_BYTES = ymm(12);
    private static final Vector ONE_WORDS = ymm(13);
    private static final Vector ZERO = ymm(14);

    private final Routine routine = new Routine();

    List<Instruction> instructions() {
      routine.constant(MAGNITUDE, Integer.MAX_VALUE);
      routine.constant(LEAST, Float.floatToRawIntBits(ActivationGroup.LEAST));
      routine.constant(RANGE, Float.floatToRawIntBits(ActivationGroup.GREATEST));
      routine.constant(STEP, Float.floatToRawIntBits(1 / ActivationGroup.GREATEST));
      routine.constant(ONE_BYTES, 0x01010101);
      routine.constant(ONE_WORDS, 0x00010001);
      routine.zero(ZERO);
      return each(
          routine,
          () -> {
            load();
            findScale();
            round();
            addUp();
          });
    }

    /** In an order that packing turns into the right one. */
    private void load() {
      for (int part = 0; part < PARTS; part++) {
        Memory lower = Memory.at(Register.RDI, part * Width.XMM.bytes());
        routine.load(ymm(part).as(Width.XMM), lower);
        Memory upper = lower.plus(GROUP_BYTES / 2);
        routine.binary(BinaryOp.VINSERTI128, ymm(part), ymm(part), upper);
      }
    }

    private void findScale() {
      for (int part = 0; part < PARTS; part++) {
        routine.binary(BinaryOp.VPAND, SCRATCH, ymm(part), MAGNITUDE);
        Vector other = part == 0 ? LEAST : GREATEST;
        routine.binary(BinaryOp.VPMAXSD, GREATEST, SCRATCH, other);
      }
      routine.binary(BinaryOp.VPERM2I128, SCRATCH, GREATEST, GREATEST);
      routine.binary(BinaryOp.VPMAXSD, GREATEST, GREATEST, SCRATCH);
      for (int exchange : new int[] {0x4E, 0xB1}) {
        routine.immediate(ImmediateOp.VPSHUFD, SCRATCH, GREATEST, exchange);
        routine.binary(BinaryOp.VPMAXSD, GREATEST, GREATEST, SCRATCH);
      }
      routine.binary(BinaryOp.VMULPS, SCALE, GREATEST, STEP);
      routine.binary(BinaryOp.VSUBPS, SCRATCH, GREATEST, GREATEST);
      routine.binary(BinaryOp.VADDPS, SCALE, SCALE, SCRATCH);
      routine.binary(BinaryOp.VDIVPS, FACTOR, RANGE, GREATEST);
      routine.storeFirst(Memory.at(Register.RSI, ActivationGroup.SCALE), SCALE);
    }

    private void round() {
      for (int part = 0; part < PARTS; part++) {
        routine.binary(BinaryOp.VMULPS, ymm(part), ymm(part), FACTOR);
        routine.unary(UnaryOp.VCVTPS2DQ, ymm(part), ymm(part));
      }
      routine.binary(BinaryOp.VPACKSSDW, ymm(0), ymm(0), ymm(1));
      routine.binary(BinaryOp.VPACKSSDW, ymm(2), ymm(2), ymm(3));
      routine.binary(BinaryOp.VPACKSSWB, ymm(0), ymm(0), ymm(2));
      routine.store(Memory.at(Register.RSI, 0), ymm(0));
    }

    private void addUp() {
      Vector halves = ymm(1);
      routine.binary(BinaryOp.VPMADDUBSW, halves, ONE_BYTES, ymm(0));
      routine.binary(BinaryOp.VPMADDWD, halves, halves, ONE_WORDS);
      routine.binary(BinaryOp.VPHADDD, halves, halves, halves);
      routine.binary(BinaryOp.VPHADDD, halves, halves, halves);
      routine.binary(BinaryOp.VPSUBD, halves, ZERO, halves);
      routine.binary(BinaryOp.VPERM2I128, SCRATCH, halves, halves);
      int at = ActivationGroup.HALF_SUMS;
      routine.storeFirst(Memory.at(Register.RSI, at), halves);
      routine.storeFirst(Memory.at(Register.RSI, at + Integer.BYTES), SCRATCH);
      routine.binary(BinaryOp.VPADDD, halves, halves, SCRATCH);
      routine.storeFirst(Memory.at(Register.RSI, ActivationGroup.SUM), halves);
      routine.unary(UnaryOp.VCVTDQ2PS, halves, halves);
      routine.binary(BinaryOp.VMULPS, halves, halves, SCALE);
      routine.storeFirst(Memory.at(Register.RSI, ActivationGroup.SCALED_SUM), halves);
    }
  }
}
