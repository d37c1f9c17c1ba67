package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.Binary;
import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.Immediate;
import dev.serval.models.cpu.generated.Instruction.Store;
import dev.serval.models.cpu.generated.Instruction.StoreOp;
import dev.serval.models.cpu.generated.Instruction.Unary;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Operand.Broadcast;
import dev.serval.models.cpu.generated.Operand.Literal;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.TileRegister;
import dev.serval.models.cpu.generated.Operand.Vector;
import java.util.Locale;

/** Instructions as a disassembler writes them, without the sizes of operands in memory. */
final class IntelSyntax {
  private IntelSyntax() {}

  static String of(Instruction instruction) {
    return switch (instruction) {
      case Binary(BinaryOp op, Vector target, Vector first, Operand second) ->
          "%s %s,%s,%s%s"
              .formatted(
                  name(op, evex(target, first, second)),
                  of(target),
                  of(first),
                  half(op, second),
                  op.fixedImmediate() ? ",0x1" : "");
      case Unary(UnaryOp op, Vector target, Operand source) ->
          "%s %s,%s".formatted(name(op, target), of(target), of(source));
      case Immediate(var op, Vector target, Vector source, int value) ->
          "%s %s,%s,0x%x".formatted(lower(op), of(target), of(source), value);
      case Store(StoreOp op, Memory target, Vector source) ->
          "%s %s,%s".formatted(lower(op), of(target), of(source));
      case Instruction.ReleaseTiles() -> "tilerelease";
      case Instruction.LoadTile(TileRegister target, Memory from) ->
          "tileloadd %s,%s".formatted(of(target), of(from));
      case Instruction.StoreTile(Memory to, TileRegister source) ->
          "tilestored %s,%s".formatted(of(to), of(source));
      case Instruction.MultiplyTiles(
              TileRegister target,
              TileRegister first,
              TileRegister second) ->
          "tdpbf16ps %s,%s,%s".formatted(of(target), of(first), of(second));
      case Instruction.Set(Register target, int value) ->
          "mov %s,0x%x".formatted(lower(target), (long) value);
      case Instruction.Copy(Register target, Register source) ->
          "mov %s,%s".formatted(lower(target), lower(source));
      case Instruction.Load(Register target, Memory from) ->
          "mov %s,%s".formatted(lower(target), of(from));
      case Instruction.Add(Register target, Register source) ->
          "add %s,%s".formatted(lower(target), lower(source));
      case Instruction.AddConstant(Register target, int value) ->
          "add %s,0x%x".formatted(lower(target), (long) value);
      case Instruction.Prefetch(Memory address, Instruction.Cache cache) ->
          "prefetcht%d %s".formatted(cache.behind(), of(address));
      case Instruction.ClearUpper() -> "vzeroupper";
      case Instruction.Return() -> "ret";
      case Instruction.Label _,
          Instruction.JumpUnlessZero _,
          Instruction.JumpIfZero _,
          Instruction.ShapeTiles _ ->
          throw new IllegalArgumentException(instruction.toString());
    };
  }

  /** EVEX forms of bit operations have names that say of what size masked elements would be. */
  private static String name(BinaryOp op, boolean evex) {
    String plain = lower(op);
    return switch (op) {
      case VPXOR, VPAND, VPOR -> evex ? plain + "d" : plain;

      case VPDPBUSD -> evex ? plain : "{vex} " + plain;
      default -> plain;
    };
  }

  private static String name(UnaryOp op, Vector target) {
    boolean sections = op == UnaryOp.VBROADCASTI128 && evex(target, target, target);
    return sections ? "vbroadcasti32x4" : lower(op);
  }

  private static boolean evex(Vector target, Vector first, Operand second) {
    return target.width() == Width.ZMM
        || second instanceof Broadcast
        || target.number() > 15
        || first.number() > 15
        || (second instanceof Vector vector && vector.number() > 15);
  }

  private static String half(BinaryOp op, Operand operand) {
    return op == BinaryOp.VINSERTI128 && operand instanceof Vector vector
        ? of(vector.as(Width.XMM))
        : of(operand);
  }

  private static String of(Operand operand) {
    return switch (operand) {
      case Vector vector -> lower(vector.width()) + vector.number();
      case TileRegister(int number) -> "tmm" + number;
      case Broadcast(Operand.Address from) -> "bcst " + of(from);
      case Literal _ -> "[rip]";
      case Memory(Register base, Register index, int scale, int displacement) -> {
        StringBuilder text = new StringBuilder("[").append(lower(base));
        if (index != null) {
          text.append('+').append(lower(index)).append('*').append(scale);
        }
        if (displacement != 0) {
          text.append(displacement < 0 ? "-0x" : "+0x")
              .append(Integer.toHexString(Math.abs(displacement)));
        } else if (base == Register.RBP || base == Register.R13) {
          text.append("+0x0");
        }
        yield text.append(']').toString();
      }
    };
  }

  private static String lower(Enum<?> name) {
    return name.name().toLowerCase(Locale.ROOT);
  }
}
