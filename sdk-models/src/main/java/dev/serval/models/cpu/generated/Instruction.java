package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Opcode.Access;
import dev.serval.models.cpu.generated.Opcode.Form;
import dev.serval.models.cpu.generated.Opcode.Prefix;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.TileRegister;
import dev.serval.models.cpu.generated.Operand.Vector;

/**
 * The x86-64 instructions that kernels are made of, and no other: what is not here can be neither
 * generated nor executed. Operations have the manufacturers' names, less what the operands say.
 */
sealed interface Instruction {

  /** Operations on two vectors. */
  enum BinaryOp {
    VPXOR(Opcode.of0F(Prefix.P66, 0xEF)),
    VPAND(Opcode.of0F(Prefix.P66, 0xDB)),
    VPOR(Opcode.of0F(Prefix.P66, 0xEB)),
    VPADDD(Opcode.of0F(Prefix.P66, 0xFE)),
    VPADDW(Opcode.of0F(Prefix.P66, 0xFD)),
    VPSUBD(Opcode.of0F(Prefix.P66, 0xFA)),
    VPMAXSD(Opcode.of0F38(Prefix.P66, 0x3D)),
    VPSIGNB(Opcode.of0F38(Prefix.P66, 0x08).only(Form.VEX)),
    VPHADDD(Opcode.of0F38(Prefix.P66, 0x02).only(Form.VEX)),
    /**
     * Of each 128 bits of the first the bytes that those of the second say; 0 for negative ones.
     */
    VPSHUFB(Opcode.of0F38(Prefix.P66, 0x00)),
    VPMADDUBSW(Opcode.of0F38(Prefix.P66, 0x04)),
    VPMADDWD(Opcode.of0F(Prefix.P66, 0xF5)),
    VPDPBUSD(Opcode.of0F38(Prefix.P66, 0x50)),
    VDPBF16PS(Opcode.of0F38(Prefix.PF3, 0x52).only(Form.EVEX)),
    VFMADD231PS(Opcode.of0F38(Prefix.P66, 0xB8)),
    VADDPS(Opcode.of0F(Prefix.NONE, 0x58)),
    VSUBPS(Opcode.of0F(Prefix.NONE, 0x5C)),
    /** The greater one; the second if either is no number. */
    VMAXPS(Opcode.of0F(Prefix.NONE, 0x5F)),
    /** The first times 2 to the power of the second. */
    VSCALEFPS(Opcode.of0F38(Prefix.P66, 0x2C).only(Form.EVEX)),
    VMULPS(Opcode.of0F(Prefix.NONE, 0x59)),
    VDIVPS(Opcode.of0F(Prefix.NONE, 0x5E)),
    VPACKSSDW(Opcode.of0F(Prefix.P66, 0x6B)),
    VPACKSSWB(Opcode.of0F(Prefix.P66, 0x63)),
    /** The first's lower half, and above it the 128 bits of the second. */
    VINSERTI128(Opcode.of0F3A(Prefix.P66, 0x38).reading(Access.HALF).only(Form.VEX)),
    /** The first's upper half, and above it the second's lower half. */
    VPERM2I128(Opcode.of0F3A(Prefix.P66, 0x46).only(Form.VEX));

    private final Opcode opcode;

    BinaryOp(Opcode opcode) {
      this.opcode = opcode;
    }

    Opcode opcode() {
      return opcode;
    }

    /** Whether the constant 1 follows, which makes it what it is described as. */
    boolean fixedImmediate() {
      return opcode.map() == Opcode.Map.M0F3A;
    }
  }

  /** Operations on one vector. */
  enum UnaryOp {
    VMOVUPS(Opcode.of0F(Prefix.NONE, 0x10)),
    VBROADCASTSS(Opcode.of0F38(Prefix.P66, 0x18).reading(Access.ELEMENT)),
    VPBROADCASTD(Opcode.of0F38(Prefix.P66, 0x58).reading(Access.ELEMENT)),
    /** 128 bits of memory as often as there is room. */
    VBROADCASTI128(Opcode.of0F38(Prefix.P66, 0x5A).reading(Access.SECTION)),
    VPABSB(Opcode.of0F38(Prefix.P66, 0x1C)),
    VCVTDQ2PS(Opcode.of0F(Prefix.NONE, 0x5B)),
    VCVTPS2DQ(Opcode.of0F(Prefix.P66, 0x5B)),
    VCVTPH2PS(Opcode.of0F38(Prefix.P66, 0x13).reading(Access.HALF)),
    VPMOVZXWD(Opcode.of0F38(Prefix.P66, 0x33).reading(Access.HALF)),
    VPMOVZXBD(Opcode.of0F38(Prefix.P66, 0x31).reading(Access.QUARTER)),
    VPMOVSXBD(Opcode.of0F38(Prefix.P66, 0x21).reading(Access.QUARTER)),
    /** From 512 bits to 256. */
    VCVTNEPS2BF16(Opcode.of0F38(Prefix.PF3, 0x72).only(Form.EVEX));

    private final Opcode opcode;

    UnaryOp(Opcode opcode) {
      this.opcode = opcode;
    }

    Opcode opcode() {
      return opcode;
    }
  }

  /** Operations on one vector and a constant. */
  enum ImmediateOp {
    VPSLLD(Opcode.of0F(Prefix.P66, 0x72), 6),
    VPSRLD(Opcode.of0F(Prefix.P66, 0x72), 2),
    VPSLLW(Opcode.of0F(Prefix.P66, 0x71), 6),
    VPSRLW(Opcode.of0F(Prefix.P66, 0x71), 2),
    VPSHUFD(Opcode.of0F(Prefix.P66, 0x70), -1);

    private final Opcode opcode;
    private final int digit;

    ImmediateOp(Opcode opcode, int digit) {
      this.opcode = opcode;
      this.digit = digit;
    }

    Opcode opcode() {
      return opcode;
    }

    /** What stands in the first register's place, or −1 if the target does. */
    int digit() {
      return digit;
    }
  }

  /** Ways to write a vector. */
  enum StoreOp {
    /** All of it. */
    VMOVUPS(Opcode.of0F(Prefix.NONE, 0x11)),
    /** Its first 32 bits. */
    VMOVSS(Opcode.of0F(Prefix.PF3, 0x11).reading(Access.ELEMENT));

    private final Opcode opcode;

    StoreOp(Opcode opcode) {
      this.opcode = opcode;
    }

    Opcode opcode() {
      return opcode;
    }
  }

  /** {@code target = op(first, second)}; dot products and VFMADD231PS add to the target. */
  record Binary(BinaryOp op, Vector target, Vector first, Operand second) implements Instruction {}

  /** {@code target = op(source)}. */
  record Unary(UnaryOp op, Vector target, Operand source) implements Instruction {}

  /** {@code target = op(source, value)}. */
  record Immediate(ImmediateOp op, Vector target, Vector source, int value)
      implements Instruction {}

  /** {@code target = source}. */
  record Store(StoreOp op, Memory target, Vector source) implements Instruction {}

  /** Configures the tile registers, and makes them 0. */
  record ShapeTiles(TileShapes shapes) implements Instruction {}

  /** Gives the tile registers back, so that nobody has to keep their content. */
  record ReleaseTiles() implements Instruction {}

  /** Loads a tile's rows, which begin as many bytes apart as the address's index says. */
  record LoadTile(TileRegister target, Memory from) implements Instruction {}

  /** Stores a tile's rows, likewise. */
  record StoreTile(Memory to, TileRegister source) implements Instruction {}

  /**
   * {@code target += first · second}, of pairs of BF16: for each pair a row of the second has one
   * of each column.
   */
  record MultiplyTiles(TileRegister target, TileRegister first, TileRegister second)
      implements Instruction {}

  /** {@code target = value}. */
  record Set(Register target, int value) implements Instruction {}

  /** {@code target = source}. */
  record Copy(Register target, Register source) implements Instruction {}

  /** {@code target = memory}. */
  record Load(Register target, Memory from) implements Instruction {}

  /** {@code target += source}. */
  record Add(Register target, Register source) implements Instruction {}

  /** {@code target += value}. */
  record AddConstant(Register target, int value) implements Instruction {}

  /** Fetches a cache line that may be needed soon; any address will do. */
  record Prefetch(Memory address, Cache cache) implements Instruction {}

  /** A level of a core's cache. */
  enum Cache {
    /** The one that loads look into: small, for what is needed next. */
    FIRST(0),
    /** The one behind it. */
    SECOND(1);

    private final int behind;

    Cache(int behind) {
      this.behind = behind;
    }

    /** How many lie before it. */
    int behind() {
      return behind;
    }
  }

  /** A place to jump to. */
  record Label(String name) implements Instruction {}

  /** Goes back to a label unless the addition before it gave 0. */
  record JumpUnlessZero(Label label) implements Instruction {}

  /** Goes on to a label if the addition before it gave 0. */
  record JumpIfZero(Label label) implements Instruction {}

  /** Leaves vector registers as code without AVX expects them. */
  record ClearUpper() implements Instruction {}

  /** Returns to the caller. */
  record Return() implements Instruction {}
}
