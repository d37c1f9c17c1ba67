package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.Binary;
import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.Cache;
import dev.serval.models.cpu.generated.Instruction.Immediate;
import dev.serval.models.cpu.generated.Instruction.ImmediateOp;
import dev.serval.models.cpu.generated.Instruction.Label;
import dev.serval.models.cpu.generated.Instruction.StoreOp;
import dev.serval.models.cpu.generated.Instruction.Unary;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.Vector;
import java.util.ArrayList;
import java.util.List;

/** Instructions, written down one after the other. */
final class Routine {
  /** The bytes that a prefetch brings. */
  static final int LINE = 64;

  private final List<Instruction> instructions = new ArrayList<>();

  List<Instruction> instructions() {
    return List.copyOf(instructions);
  }

  void add(Instruction instruction) {
    instructions.add(instruction);
  }

  void binary(BinaryOp op, Vector target, Vector first, Operand second) {
    add(new Binary(op, target, first, second));
  }

  void unary(UnaryOp op, Vector target, Operand source) {
    add(new Unary(op, target, source));
  }

  void immediate(ImmediateOp op, Vector target, Vector source, int value) {
    add(new Immediate(op, target, source, value));
  }

  void load(Vector target, Operand source) {
    unary(UnaryOp.VMOVUPS, target, source);
  }

  void store(Memory target, Vector source) {
    add(new Instruction.Store(StoreOp.VMOVUPS, target, source));
  }

  void storeFirst(Memory target, Vector source) {
    add(new Instruction.Store(StoreOp.VMOVSS, target, source.as(Width.XMM)));
  }

  void zero(Vector target) {
    binary(BinaryOp.VPXOR, target, target, target);
  }

  /** A constant in all lanes. */
  void constant(Vector target, int bits) {
    unary(UnaryOp.VPBROADCASTD, target, Operand.Literal.of(bits));
  }

  /** Sixteen bytes in each 128 bits. */
  void table(Vector target, List<Integer> words) {
    unary(UnaryOp.VBROADCASTI128, target, new Operand.Literal(words));
  }

  void advance(Register pointer, int bytes) {
    add(new Instruction.AddConstant(pointer, bytes));
  }

  /** Asks for the lines of so many bytes. */
  void prefetch(Memory from, int bytes) {
    prefetch(from, bytes, Cache.FIRST);
  }

  /** Asks for lines that are needed later, so that they take no room from what is needed now. */
  void prefetchLater(Memory from, int bytes) {
    prefetch(from, bytes, Cache.SECOND);
  }

  private void prefetch(Memory from, int bytes, Cache cache) {
    for (int line = 0; line < bytes; line += LINE) {
      add(new Instruction.Prefetch(from.plus(line), cache));
    }
  }

  /** Asks for as many lines as a register says, and moves the pointer behind them. */
  void prefetchLines(Register pointer, Register count) {
    repeat(
        "line",
        count,
        1,
        () -> {
          prefetch(Memory.at(pointer, 0), LINE);
          advance(pointer, LINE);
        });
  }

  /** Does something as often as a register says, in steps of this many. */
  void repeat(String name, Register count, int step, Runnable body) {
    Label label = new Label(name);
    add(label);
    body.run();
    advance(count, -step);
    add(new Instruction.JumpUnlessZero(label));
  }

  void end() {
    add(new Instruction.ClearUpper());
    add(new Instruction.Return());
  }
}
