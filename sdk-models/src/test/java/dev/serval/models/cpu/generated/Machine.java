package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.Binary;
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
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Executes instructions as the architecture's manual describes them, on registers and memory of its
 * own. Written from the manual, not from the generator.
 */
final class Machine {
  private static final int LANES = Width.ZMM.lanes();
  private static final int STACK = 4096;

  private final SimulatedMemory memory;
  private final int[][] vectors = new int[32][LANES];
  private final long[] general = new long[16];
  private final Tiles tiles = new Tiles();
  private final Map<Instruction.Label, Integer> labels = new HashMap<>();
  private final long stack;
  private final List<Long> askedForLater = new ArrayList<>();
  private boolean zero;

  Machine(SimulatedMemory memory) {
    this.memory = memory;
    Arrays.stream(vectors).forEach(vector -> Arrays.fill(vector, 0x7FC0DEAD));
    Arrays.fill(general, 0xDEAD_BEEF_DEAD_BEEFL);
    stack = memory.place(MemorySegment.ofArray(new byte[STACK]), true);
    general[Register.RSP.number()] = stack + STACK;
  }

  /** Calls a routine: six arguments are in registers, others behind the address to return to. */
  void call(List<Instruction> routine, long... arguments) {
    Register[] order = {
      Register.RDI, Register.RSI, Register.RDX, Register.RCX, Register.R8, Register.R9
    };
    general[Register.RSP.number()] = stack + STACK - (1L + arguments.length) * Long.BYTES;
    for (int i = 0; i < arguments.length; i++) {
      if (i < order.length) {
        general[order[i].number()] = arguments[i];
      } else {
        push(1 + i - order.length, arguments[i]);
      }
    }
    for (int i = 0; i < routine.size(); i++) {
      if (routine.get(i) instanceof Instruction.Label label) {
        labels.put(label, i);
      }
    }
    int at = 0;
    while (!(routine.get(at) instanceof Instruction.Return)) {
      at = execute(routine.get(at), at);
    }
  }

  private void push(int index, long value) {
    long at = general[Register.RSP.number()] + (long) index * Long.BYTES;
    memory.store(at, (int) value);
    memory.store(at + Integer.BYTES, (int) (value >>> Integer.SIZE));
  }

  private long load(Memory from) {
    long at = address(from);
    return Integer.toUnsignedLong(memory.load(at))
        | (long) memory.load(at + Integer.BYTES) << Integer.SIZE;
  }

  private int execute(Instruction instruction, int at) {
    switch (instruction) {
      case Binary binary -> execute(binary);
      case Unary unary -> execute(unary);
      case Immediate immediate -> execute(immediate);
      case Store(StoreOp op, Memory target, Vector source) -> store(op, target, source);
      case Instruction.ShapeTiles(TileShapes shapes) -> tiles.shape(shapes);
      case Instruction.ReleaseTiles() -> tiles.release();
      case Instruction.LoadTile(var target, Memory from) ->
          tiles.load(target, start(from), stride(from), memory);
      case Instruction.StoreTile(Memory to, var source) ->
          tiles.store(source, start(to), stride(to), memory);
      case Instruction.MultiplyTiles(var target, var first, var second) ->
          tiles.multiply(target, first, second);
      case Instruction.Set(Register target, int value) -> general[target.number()] = value;
      case Instruction.Copy(Register target, Register source) ->
          general[target.number()] = general[source.number()];
      case Instruction.Load(Register target, Memory from) -> general[target.number()] = load(from);
      case Instruction.Add(Register target, Register source) ->
          add(target, general[source.number()]);
      case Instruction.AddConstant(Register target, int value) -> add(target, value);
      case Instruction.JumpUnlessZero(Instruction.Label label) -> {
        if (!zero) {
          return labels.get(label);
        }
      }
      case Instruction.JumpIfZero(Instruction.Label label) -> {
        if (zero) {
          return labels.get(label);
        }
      }
      case Instruction.ClearUpper() ->
          Arrays.stream(vectors, 0, 16).forEach(vector -> Arrays.fill(vector, 4, LANES, 0));
      case Instruction.Prefetch(Memory line, Instruction.Cache cache) -> {
        if (cache == Instruction.Cache.SECOND) {
          askedForLater.add(address(line));
        }
      }
      case Instruction.Label _, Instruction.Return _ -> {}
    }
    return at + 1;
  }

  /** What was asked for that is to come to the second-level cache. */
  List<Long> askedForLater() {
    return askedForLater;
  }

  private void add(Register target, long value) {
    general[target.number()] += value;
    zero = general[target.number()] == 0;
  }

  private long address(Memory at) {
    long index = at.index() == null ? 0 : general[at.index().number()] * at.scale();
    return general[at.base().number()] + index + at.displacement();
  }

  /** Where a tile's rows begin, and how far they are apart. */
  private long start(Memory at) {
    return general[at.base().number()] + at.displacement();
  }

  private long stride(Memory at) {
    return general[Objects.requireNonNull(at.index()).number()] * at.scale();
  }

  /** The operand's 32-bit elements; as many as an instruction of this width would read. */
  private int[] read(Operand operand, int bytes) {
    int[] value = new int[LANES];
    switch (operand) {
      case Vector vector -> System.arraycopy(vectors[vector.number()], 0, value, 0, LANES);
      case TileRegister tile -> throw new AssertionError(tile + " is no vector");
      case Literal(List<Integer> words) -> Arrays.setAll(value, i -> words.get(i % words.size()));
      case Broadcast(Operand.Address from) -> Arrays.fill(value, read(from, Integer.BYTES)[0]);
      case Memory from -> {
        memory.check(address(from), bytes);
        for (int i = 0; i < bytes; i++) {
          value[i / 4] |= (memory.loadByte(address(from) + i) & 0xFF) << (8 * (i % 4));
        }
      }
    }
    return value;
  }

  private void write(Vector target, Width width, int[] value) {
    int[] register = vectors[target.number()];
    Arrays.fill(register, 0);
    System.arraycopy(value, 0, register, 0, width.lanes());
  }

  private void store(StoreOp op, Memory target, Vector source) {
    int lanes = op == StoreOp.VMOVSS ? 1 : source.width().lanes();
    for (int i = 0; i < lanes; i++) {
      memory.store(address(target) + 4L * i, vectors[source.number()][i]);
    }
  }

  private void execute(Immediate immediate) {
    int[] source = vectors[immediate.source().number()];
    int[] result = new int[LANES];
    int bits = immediate.value();
    for (int i = 0; i < LANES; i++) {
      result[i] =
          switch (immediate.op()) {
            case VPSLLD -> source[i] << bits;
            case VPSRLD -> source[i] >>> bits;
            case VPSLLW -> words(word(source[i], 0) << bits, word(source[i], 1) << bits);
            case VPSRLW ->
                words((word(source[i], 0) & 0xFFFF) >> bits, (word(source[i], 1) & 0xFFFF) >> bits);
            case VPSHUFD -> source[i / 4 * 4 + (bits >> (2 * (i % 4)) & 3)];
          };
    }
    write(immediate.target(), immediate.target().width(), result);
  }

  private void execute(Unary unary) {
    Width width = unary.target().width();
    int[] result = new int[LANES];
    switch (unary.op()) {
      case VMOVUPS -> result = read(unary.source(), width.bytes());
      case VBROADCASTSS, VPBROADCASTD -> Arrays.fill(result, read(unary.source(), 4)[0]);
      case VBROADCASTI128 -> {
        int[] in = read(unary.source(), 16);
        Arrays.setAll(result, i -> in[i % 4]);
      }
      case VPABSB -> {
        int[] in = read(unary.source(), width.bytes());
        for (int i = 0; i < LANES; i++) {
          for (int b = 0; b < 4; b++) {
            result[i] |= (Math.abs(octet(in[i], b)) & 0xFF) << (8 * b);
          }
        }
      }
      case VCVTDQ2PS -> {
        int[] in = read(unary.source(), width.bytes());
        Arrays.setAll(result, i -> bits((float) in[i]));
      }
      case VCVTPS2DQ -> {
        int[] in = read(unary.source(), width.bytes());
        Arrays.setAll(result, i -> toInt(number(in[i])));
      }
      case VCVTPH2PS -> {
        int[] in = read(unary.source(), width.bytes() / 2);
        Arrays.setAll(result, i -> bits(Float.float16ToFloat((short) word(in[i / 2], i % 2))));
      }
      case VPMOVZXWD -> {
        int[] in = read(unary.source(), width.bytes() / 2);
        Arrays.setAll(result, i -> word(in[i / 2], i % 2) & 0xFFFF);
      }
      case VPMOVZXBD -> {
        int[] in = read(unary.source(), width.bytes() / 4);
        Arrays.setAll(result, i -> octet(in[i / 4], i % 4) & 0xFF);
      }
      case VPMOVSXBD -> {
        int[] in = read(unary.source(), width.bytes() / 4);
        Arrays.setAll(result, i -> octet(in[i / 4], i % 4));
      }
      case VCVTNEPS2BF16 -> {
        int[] in = read(unary.source(), 2 * width.bytes());
        Arrays.setAll(result, i -> i < 8 ? words(toBfloat(in[2 * i]), toBfloat(in[2 * i + 1])) : 0);
      }
    }
    if (unary.op() == UnaryOp.VCVTNEPS2BF16 && width != Width.YMM) {
      throw new AssertionError("only 512 bits are rounded to BF16");
    }
    write(unary.target(), width, result);
  }

  private void execute(Binary binary) {
    Width width = binary.target().width();
    int[] a = vectors[binary.first().number()].clone();
    int[] b = read(binary.second(), binary.op().opcode().access().bytes(width));
    int[] sum = vectors[binary.target().number()].clone();
    int[] result = new int[LANES];
    for (int i = 0; i < width.lanes(); i++) {
      result[i] = element(binary, a, b, sum[i], i);
    }
    write(binary.target(), width, result);
  }

  private static int element(Binary binary, int[] a, int[] b, int sum, int i) {
    int lane = i / 4 * 4;
    return switch (binary.op()) {
      case VPXOR -> a[i] ^ b[i];
      case VPAND -> a[i] & b[i];
      case VPOR -> a[i] | b[i];
      case VPADDD -> a[i] + b[i];
      case VPSUBD -> a[i] - b[i];
      case VPMAXSD -> Math.max(a[i], b[i]);
      case VPADDW -> words(word(a[i], 0) + word(b[i], 0), word(a[i], 1) + word(b[i], 1));
      case VPSHUFB -> shuffled(a, lane, b[i]);
      case VPSIGNB -> signed(a[i], b[i]);
      case VPHADDD ->
          i % 4 < 2
              ? a[lane + 2 * (i % 4)] + a[lane + 2 * (i % 4) + 1]
              : b[lane + 2 * (i % 4) - 4] + b[lane + 2 * (i % 4) - 3];
      case VPMADDUBSW -> words(saturate(pair(a[i], b[i], 0)), saturate(pair(a[i], b[i], 2)));
      case VPMADDWD -> word(a[i], 0) * word(b[i], 0) + word(a[i], 1) * word(b[i], 1);
      case VPDPBUSD -> sum + pair(a[i], b[i], 0) + pair(a[i], b[i], 2);
      case VDPBF16PS -> dot(a[i], b[i], sum);
      case VFMADD231PS -> bits(Math.fma(number(a[i]), number(b[i]), number(sum)));
      case VADDPS -> bits(number(a[i]) + number(b[i]));
      case VSUBPS -> bits(number(a[i]) - number(b[i]));
      case VMULPS -> bits(number(a[i]) * number(b[i]));
      case VMAXPS -> number(a[i]) > number(b[i]) ? a[i] : b[i];
      case VSCALEFPS -> bits(scaled(number(a[i]), Math.floor(number(b[i]))));
      case VDIVPS -> bits(number(a[i]) / number(b[i]));
      case VPACKSSDW -> {
        int[] from = i % 4 < 2 ? a : b;
        int at = lane + 2 * (i % 2);
        yield words(saturate(from[at]), saturate(from[at + 1]));
      }
      case VPACKSSWB -> {
        int[] from = i % 4 < 2 ? a : b;
        int at = lane + 2 * (i % 2);
        yield octets(from[at], from[at + 1]);
      }
      case VINSERTI128 -> i < 4 ? a[i] : b[i - 4];
      case VPERM2I128 -> i < 4 ? a[i + 4] : b[i - 4];
    };
  }

  /** Rounded once, also where the result is too small to be normal. */
  private static float scaled(float value, double power) {
    return Double.isNaN(power)
        ? Float.NaN
        : (float) Math.scalb((double) value, (int) Math.clamp(power, -1000, 1000));
  }

  private static int octet(int value, int index) {
    return (byte) (value >> (8 * index));
  }

  private static int word(int value, int index) {
    return (short) (value >> (16 * index));
  }

  private static int words(int lower, int upper) {
    return (lower & 0xFFFF) | upper << 16;
  }

  /** Two products of unsigned bytes of the first and signed ones of the second. */
  private static int pair(int unsigned, int signed, int at) {
    return (octet(unsigned, at) & 0xFF) * octet(signed, at)
        + (octet(unsigned, at + 1) & 0xFF) * octet(signed, at + 1);
  }

  private static int saturate(int value) {
    return Math.clamp(value, Short.MIN_VALUE, Short.MAX_VALUE);
  }

  private static int octets(int lower, int upper) {
    int result = 0;
    for (int i = 0; i < 4; i++) {
      int value = word(i < 2 ? lower : upper, i % 2);
      result |= (Math.clamp(value, Byte.MIN_VALUE, Byte.MAX_VALUE) & 0xFF) << (8 * i);
    }
    return result;
  }

  private static int shuffled(int[] from, int lane, int places) {
    int result = 0;
    for (int i = 0; i < 4; i++) {
      int place = octet(places, i);
      int chosen = place < 0 ? 0 : octet(from[lane + (place & 15) / 4], place & 3) & 0xFF;
      result |= chosen << (8 * i);
    }
    return result;
  }

  private static int signed(int values, int signs) {
    int result = 0;
    for (int i = 0; i < 4; i++) {
      result |= (octet(values, i) * Integer.signum(octet(signs, i)) & 0xFF) << (8 * i);
    }
    return result;
  }

  /** Fused, the upper pair first; numbers too small to be normal count as 0. */
  private static int dot(int a, int b, int sum) {
    float upper = Math.fma(flush(a & 0xFFFF0000), flush(b & 0xFFFF0000), flush(sum));
    float both = Math.fma(flush(a << 16), flush(b << 16), flush(bits(upper)));
    return bits(flush(bits(both)));
  }

  static float flush(int bits) {
    float value = number(bits);
    return Math.abs(value) < Float.MIN_NORMAL ? Math.copySign(0, value) : value;
  }

  private static int toBfloat(int bits) {
    float value = flush(bits);
    if (Float.isNaN(value)) {
      return bits >>> 16 | 0x40;
    }
    int flushed = bits(value);
    return (flushed + 0x7FFF + (flushed >>> 16 & 1)) >>> 16;
  }

  private static int toInt(float value) {
    double rounded = Math.rint(value);
    return rounded >= Integer.MIN_VALUE && rounded <= Integer.MAX_VALUE
        ? (int) rounded
        : Integer.MIN_VALUE;
  }

  private static float number(int bits) {
    return Float.intBitsToFloat(bits);
  }

  private static int bits(float value) {
    return Float.floatToRawIntBits(value);
  }
}
