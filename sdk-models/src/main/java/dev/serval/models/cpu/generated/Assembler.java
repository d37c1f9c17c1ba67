package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.Binary;
import dev.serval.models.cpu.generated.Instruction.Immediate;
import dev.serval.models.cpu.generated.Instruction.Label;
import dev.serval.models.cpu.generated.Instruction.Store;
import dev.serval.models.cpu.generated.Instruction.Unary;
import dev.serval.models.cpu.generated.Operand.Broadcast;
import dev.serval.models.cpu.generated.Operand.Literal;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.TileRegister;
import dev.serval.models.cpu.generated.Operand.Vector;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Encodes instructions as the <a
 * href="https://www.intel.com/content/www/us/en/developer/articles/technical/intel-sdm.html">
 * architecture's manual</a> has it, volume 2: a vector instruction in VEX form where it has one and
 * its registers allow it, otherwise in EVEX form.
 */
final class Assembler {
  private static final int NO_REGISTER = 0;
  private static final int SIB = 4;
  private static final int NO_BASE = 5;
  private static final int LOW = 7;
  private static final Opcode LOAD_TILE = Opcode.of0F38(Opcode.Prefix.PF2, 0x4B);
  private static final Opcode STORE_TILE = Opcode.of0F38(Opcode.Prefix.PF3, 0x4B);
  private static final Opcode MULTIPLY_TILES = Opcode.of0F38(Opcode.Prefix.PF3, 0x5C);

  private final Map<Label, Integer> labels = new HashMap<>();
  private final Map<Label, List<Integer>> jumps = new HashMap<>();
  private final Map<Integer, List<Integer>> literalUses = new LinkedHashMap<>();
  private byte[] code = new byte[1024];
  private int size;

  private Assembler() {}

  /** The machine code of a routine, its constants behind it. */
  static byte[] encode(List<Instruction> routine) {
    Assembler assembler = new Assembler();
    routine.forEach(assembler::encode);
    assembler.requireLabels();
    assembler.placeLiterals();
    return Arrays.copyOf(assembler.code, assembler.size);
  }

  private void requireLabels() {
    jumps.keySet().stream()
        .findFirst()
        .ifPresent(label -> {
          throw new IllegalArgumentException(
              "no label '" + label.name() + "' after the jump to it");
        });
  }

  private void encode(Instruction instruction) {
    switch (instruction) {
      case Binary binary -> encode(binary);
      case Unary unary -> encode(unary);
      case Immediate immediate -> encode(immediate);
      case Store(var op, var target, var source) ->
          vector(op.opcode(), source.width(), source.number(), NO_REGISTER, target);
      case Instruction.ShapeTiles(TileShapes shapes) -> shape(shapes);
      case Instruction.ReleaseTiles() -> bytes(0xC4, 0xE2, 0x78, 0x49, 0xC0);
      case Instruction.LoadTile(var target, var from) -> tile(LOAD_TILE, target, NO_REGISTER, from);
      case Instruction.StoreTile(var to, var source) -> tile(STORE_TILE, source, NO_REGISTER, to);
      case Instruction.MultiplyTiles(var target, var first, var second) ->
          tile(MULTIPLY_TILES, target, second.number(), first);
      case Instruction.Set(var target, int value) -> {
        general(0, target);
        bytes(0xC7, 0xC0 | (target.number() & LOW));
        number(value);
      }
      case Instruction.Copy(var target, var source) -> registers(0x89, target, source);
      case Instruction.Load(var target, var from) -> load(target, from);
      case Instruction.Add(var target, var source) -> registers(0x01, target, source);
      case Instruction.AddConstant(var target, int value) -> {
        general(0, target);
        bytes(0x81, 0xC0 | (target.number() & LOW));
        number(value);
      }
      case Instruction.Prefetch(var address, var cache) -> prefetch(address, cache);
      case Label label -> place(label);
      case Instruction.JumpUnlessZero(var label) -> jumpBack(label);
      case Instruction.JumpIfZero(var label) -> jumpOn(label);
      case Instruction.ClearUpper() -> bytes(0xC5, 0xF8, 0x77);
      case Instruction.Return() -> bytes(0xC3);
    }
  }

  private void tile(Opcode opcode, TileRegister register, int other, Operand operand) {
    vex(opcode, Width.XMM, register.number(), other, operand);
  }

  private void shape(TileShapes shapes) {
    bytes(0xC4, 0xE2, 0x78, 0x49, NO_BASE);
    literal(Arrays.stream(shapes.words()).boxed().toList());
  }

  private void encode(Binary binary) {
    vector(
        binary.op().opcode(),
        binary.target().width(),
        binary.target().number(),
        binary.first().number(),
        binary.second());
    if (binary.op().fixedImmediate()) {
      bytes(1);
    }
  }

  private void encode(Unary unary) {
    Vector target = unary.target();
    Width width = unary.op() == Instruction.UnaryOp.VCVTNEPS2BF16 ? Width.ZMM : target.width();
    vector(unary.op().opcode(), width, target.number(), NO_REGISTER, unary.source());
  }

  private void encode(Immediate immediate) {
    Vector target = immediate.target();
    int digit = immediate.op().digit();
    vector(
        immediate.op().opcode(),
        target.width(),
        digit < 0 ? target.number() : digit,
        digit < 0 ? NO_REGISTER : target.number(),
        immediate.source());
    bytes(immediate.value());
  }

  private void vector(Opcode opcode, Width width, int register, int first, Operand operand) {
    int number = operand instanceof Vector vector ? vector.number() : 0;
    boolean large =
        width == Width.ZMM || operand instanceof Broadcast || (register | first | number) > 15;
    if (large && opcode.form() == Opcode.Form.VEX) {
      throw new IllegalArgumentException(opcode + " has no EVEX form for these operands");
    }
    if (large || opcode.form() == Opcode.Form.EVEX) {
      evex(opcode, width, register, first, operand);
    } else {
      vex(opcode, width, register, first, operand);
    }
  }

  /** Prefixes keep the upper bits of register numbers inverted. */
  private void vex(Opcode opcode, Width width, int register, int first, Operand operand) {
    int tail = (~first & 15) << 3 | width.code() << 2 | opcode.prefix().code();
    int index = bit(indexOf(operand), 3);
    int base = bit(baseOf(operand), 3);
    int upper = (bit(register, 3) ^ 1) << 7;
    if (opcode.map() == Opcode.Map.M0F && index == 0 && base == 0) {
      bytes(0xC5, upper | tail);
    } else {
      bytes(0xC4, upper | (index ^ 1) << 6 | (base ^ 1) << 5 | opcode.map().code(), tail);
    }
    bytes(opcode.code());
    operand(register, operand, 1);
  }

  private void evex(Opcode opcode, Width width, int register, int first, Operand operand) {
    boolean broadcast = operand instanceof Broadcast;
    int index = operand instanceof Vector v ? bit(v.number(), 4) : bit(indexOf(operand), 3);
    bytes(
        0x62,
        (bit(register, 3) ^ 1) << 7
            | (index ^ 1) << 6
            | (bit(baseOf(operand), 3) ^ 1) << 5
            | (bit(register, 4) ^ 1) << 4
            | opcode.map().code(),
        (~first & 15) << 3 | 1 << 2 | opcode.prefix().code(),
        width.code() << 5 | (broadcast ? 1 << 4 : 0) | (bit(first, 4) ^ 1) << 3,
        opcode.code());
    operand(register, operand, broadcast ? Integer.BYTES : opcode.access().bytes(width));
  }

  private static int bit(int number, int bit) {
    return number >> bit & 1;
  }

  private static int indexOf(Operand operand) {
    return switch (operand) {
      case Memory(_, Register index, _, _) when index != null -> index.number();
      case Broadcast(Operand.Address from) -> indexOf(from);
      default -> 0;
    };
  }

  private static int baseOf(Operand operand) {
    return switch (operand) {
      case Memory memory -> memory.base().number();
      case Broadcast(Operand.Address from) -> baseOf(from);
      case Vector vector -> vector.number();
      case TileRegister tile -> tile.number();
      case Literal _ -> 0;
    };
  }

  private void operand(int register, Operand operand, int unit) {
    switch (operand) {
      case Vector vector -> bytes(0xC0 | (register & LOW) << 3 | (vector.number() & LOW));
      case TileRegister tile -> bytes(0xC0 | (register & LOW) << 3 | tile.number());
      case Memory memory -> memory(register, memory, unit);
      case Broadcast(Operand.Address from) -> operand(register, from, unit);
      case Literal(List<Integer> words) -> {
        bytes((register & LOW) << 3 | NO_BASE);
        literal(words);
      }
    }
  }

  private void literal(List<Integer> words) {
    literalUses.put(size, words);
    number(0);
  }

  /** A displacement takes one byte if it is a small multiple of the unit. */
  private void memory(int register, Memory at, int unit) {
    int base = at.base().number() & LOW;
    int displacement = at.displacement();
    int units = displacement / unit;
    boolean small = units * unit == displacement && units == (byte) units;
    int mode = displacement == 0 && base != NO_BASE ? 0 : small ? 1 : 2;
    boolean sib = at.index() != null || base == SIB;
    bytes(mode << 6 | (register & LOW) << 3 | (sib ? SIB : base));
    if (sib) {
      int index = at.index() == null ? SIB : at.index().number() & LOW;
      bytes(Integer.numberOfTrailingZeros(at.scale()) << 6 | index << 3 | base);
    }
    if (mode == 1) {
      bytes(units);
    } else if (mode == 2) {
      number(displacement);
    }
  }

  private void general(int register, Register other) {
    bytes(0x48 | bit(register, 3) << 2 | bit(other.number(), 3));
  }

  private void registers(int opcode, Register target, Register source) {
    general(source.number(), target);
    bytes(opcode, 0xC0 | (source.number() & LOW) << 3 | (target.number() & LOW));
  }

  private void prefetch(Memory at, Instruction.Cache cache) {
    int extension = bit(indexOf(at), 3) << 1 | bit(baseOf(at), 3);
    if (extension != 0) {
      bytes(0x40 | extension);
    }
    bytes(0x0F, 0x18);
    memory(1 + cache.behind(), at, 1);
  }

  private void load(Register target, Memory from) {
    int extension = bit(indexOf(from), 3) << 1 | bit(baseOf(from), 3);
    bytes(0x48 | bit(target.number(), 3) << 2 | extension, 0x8B);
    memory(target.number(), from, 1);
  }

  private void place(Label label) {
    labels.put(label, size);
    for (int use : jumps.getOrDefault(label, List.of())) {
      patch(use, size - (use + Integer.BYTES));
    }
    jumps.remove(label);
  }

  private void jumpOn(Label label) {
    bytes(0x0F, 0x84);
    jumps.computeIfAbsent(label, _ -> new ArrayList<>()).add(size);
    number(0);
  }

  private void jumpBack(Label label) {
    Integer target = labels.get(label);
    if (target == null) {
      throw new IllegalArgumentException("no label '" + label.name() + "' before the jump to it");
    }
    bytes(0x0F, 0x85);
    number(target - (size + Integer.BYTES));
  }

  /** Where none lies in two lines of the cache, if the code begins with one. */
  private void placeLiterals() {
    Map<List<Integer>, Integer> placed = new HashMap<>();
    literalUses.forEach((use, words) -> {
      Integer place = placed.get(words);
      if (place == null) {
        while (size % (words.size() * Integer.BYTES) != 0) {
          bytes(0);
        }
        place = size;
        placed.put(words, place);
        words.forEach(this::number);
      }
      patch(use, place - (use + Integer.BYTES));
    });
  }

  private void bytes(int... values) {
    if (size + values.length > code.length) {
      code = Arrays.copyOf(code, 2 * code.length);
    }
    for (int value : values) {
      code[size++] = (byte) value;
    }
  }

  private void number(int value) {
    bytes(value, value >> 8, value >> 16, value >> 24);
  }

  private void patch(int at, int value) {
    int end = size;
    size = at;
    number(value);
    size = end;
  }
}
