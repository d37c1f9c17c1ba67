package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.ImmediateOp;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.Vector;

/** A tile of 8-bit inputs and integer codes; see {@link Tile}. */
final class IntegerTile extends Tile {
  private static final int QUADS = 8;
  private static final int NIBBLES = 0x0F0F0F0F;
  private static final int ONES = 0x00010001;
  private static final int AHEAD = 1536;

  private final IntegerForm form;
  private final IntegerForm.Scales scales;
  private final int offset;
  private final Vector codes;
  private final Vector scratch;
  private final Vector magnitudes;
  private final Vector nibbles;
  private final Vector ones;

  /** A tile of one block. */
  IntegerTile(InstructionSet set, IntegerForm form, int rows, Ending ending) {
    super(set, rows, 1, ending);
    this.form = form;
    scales = form.scales();
    offset = form.offset(set);
    codes = vector(2 * rows);
    scratch = vector(2 * rows + 1);
    magnitudes = vector(2 * rows + 2);
    nibbles = vector(2 * rows + 2);
    ones = vector(2 * rows + 3);
  }

  /** The most rows of a tile: they have two registers each, and four are for all. */
  static int maxRows(InstructionSet set) {
    return (set.registers() - 4) / 2 / 6 * 6;
  }

  private Vector dot(int row) {
    return vector(rows() + row);
  }

  /** Whether sums of a group fit 16 bits. */
  private boolean narrow() {
    return !set().byteDots() && !form.bytes() && form.highBits() == 0;
  }

  @Override
  void constants() {
    if (!form.bytes()) {
      routine().constant(nibbles, NIBBLES);
    }
    if (!set().byteDots()) {
      routine().constant(ones, ONES);
    }
  }

  @Override
  void groups() {
    if (scales.groups() == 1) {
      routine().repeat("group", Register.R8, 1, this::group);
      return;
    }
    routine().repeat("super-block", Register.R8, scales.groups(), this::superBlock);
  }

  private void superBlock() {
    routine().add(new Instruction.Copy(Register.RAX, Register.R9));
    routine().advance(Register.R9, scales.header() * set().lanes());
    routine().add(new Instruction.Set(Register.R11, scales.groups()));
    routine().repeat("group", Register.R11, 1, this::group);
  }

  private void group() {
    int sections = form.sections();
    prefetch(form.codeBytes() * set().lanes(), AHEAD);
    for (int section = 0; section < sections; section++) {
      start(section);
      for (int quad = section * QUADS / sections; quad < (section + 1) * QUADS / sections; quad++) {
        fetch(quad);
        for (int row = 0; row < rows(); row++) {
          multiply(row, quad, startsWithProduct() && quad % (QUADS / sections) == 0);
        }
      }
      scale(section);
    }
    if (scales.minimum()) {
      addMinimum();
    }
    routine().advance(Register.RDI, form.codeBytes() * set().lanes());
    routine().advance(Register.R9, scales.bytes() * set().lanes());
    routine().advance(Register.RSI, rows() * ActivationGroup.BYTES);
  }

  private Memory input(int row, int at) {
    return Memory.at(Register.RSI, row * ActivationGroup.BYTES + at);
  }

  /** Integer sums begin with what the codes' offset will have added, or with the first product. */
  private void start(int section) {
    for (int row = 0; row < rows() && !startsWithProduct(); row++) {
      if (offset == 0) {
        routine().zero(dot(row));
      } else {
        excess(dot(row), row, section);
      }
    }
  }

  private boolean startsWithProduct() {
    return narrow() || (offset == 0 && !set().byteDots());
  }

  private void excess(Vector target, int row, int section) {
    int at =
        form.sections() == 1
            ? ActivationGroup.SUM
            : ActivationGroup.HALF_SUMS + section * Integer.BYTES;
    routine().unary(UnaryOp.VPBROADCASTD, target, input(row, at));
    int shift = Integer.numberOfTrailingZeros(offset);
    routine().immediate(ImmediateOp.VPSLLD, target, target, shift);
  }

  /** The codes of four columns. */
  private void fetch(int quad) {
    if (form.bytes()) {
      routine().load(codes, Memory.at(Register.RDI, quad * width().bytes()));
      if (!set().byteDots()) {
        routine().unary(UnaryOp.VPABSB, magnitudes, codes);
      }
      return;
    }
    if (form.highBits() > 0) {
      fetchHighBits(quad);
    }
    Memory at = Memory.at(Register.RDI, quad % 4 * width().bytes());
    if (quad < 4) {
      routine().binary(BinaryOp.VPAND, codes, nibbles, at);
    } else {
      routine().load(codes, at);
      routine().immediate(ImmediateOp.VPSRLW, codes, codes, 4);
      routine().binary(BinaryOp.VPAND, codes, codes, nibbles);
    }
    if (form.highBits() > 0) {
      routine().binary(BinaryOp.VPOR, codes, codes, scratch);
    }
  }

  /** Leaves them in the scratch register, where they belong above nibbles. */
  private void fetchHighBits(int quad) {
    int perWord = Byte.SIZE / form.highBits();
    Memory at = Memory.at(Register.RDI, (4 + quad / perWord) * width().bytes());
    routine().load(scratch, at);
    int shift = 4 - quad % perWord * form.highBits();
    if (shift != 0) {
      ImmediateOp op = shift > 0 ? ImmediateOp.VPSLLW : ImmediateOp.VPSRLW;
      routine().immediate(op, scratch, scratch, Math.abs(shift));
    }
    routine().constant(codes, form.highBits() == 1 ? 0x10101010 : 0x30303030);
    routine().binary(BinaryOp.VPAND, scratch, scratch, codes);
  }

  private void multiply(int row, int quad, boolean first) {
    Memory at = input(row, quad * Integer.BYTES);
    if (set().byteDots()) {
      routine().binary(BinaryOp.VPDPBUSD, dot(row), codes, element(at, scratch));
      return;
    }
    routine().unary(UnaryOp.VPBROADCASTD, scratch, at);
    if (form.bytes()) {
      routine().binary(BinaryOp.VPSIGNB, scratch, scratch, codes);
    }
    Vector unsigned = form.bytes() ? magnitudes : codes;
    Vector products = first && narrow() ? dot(row) : scratch;
    routine().binary(BinaryOp.VPMADDUBSW, products, unsigned, scratch);
    if (!narrow()) {
      Vector sums = first ? dot(row) : scratch;
      routine().binary(BinaryOp.VPMADDWD, sums, products, ones);
    }
    if (!first) {
      BinaryOp add = narrow() ? BinaryOp.VPADDW : BinaryOp.VPADDD;
      routine().binary(add, dot(row), dot(row), scratch);
    }
  }

  /** Adds the integer sums to the tile's. */
  private void scale(int section) {
    fetchScale(section);
    for (int row = 0; row < rows(); row++) {
      if (narrow()) {
        widen(row, section);
      }
      routine().unary(UnaryOp.VCVTDQ2PS, dot(row), dot(row));
      Operand factor = element(input(row, ActivationGroup.SCALE), scratch);
      routine().binary(BinaryOp.VMULPS, scratch, codes, factor);
      routine().binary(BinaryOp.VFMADD231PS, sum(row, 0), dot(row), scratch);
    }
  }

  private void widen(int row, int section) {
    routine().binary(BinaryOp.VPMADDWD, dot(row), dot(row), ones);
    if (offset != 0) {
      excess(scratch, row, section);
      routine().binary(BinaryOp.VPADDD, dot(row), dot(row), scratch);
    }
  }

  /** Leaves the scales in the register of codes. */
  private void fetchScale(int section) {
    Memory own = Memory.at(Register.R9, section * set().lanes());
    switch (scales) {
      case OF_GROUP, WITH_MINIMUM -> routine().unary(UnaryOp.VCVTPH2PS, codes, own);
      case OF_SUPER_BLOCK -> product(UnaryOp.VPMOVZXBD, own, 0);
      case OF_HALVES -> product(UnaryOp.VPMOVSXBD, own, 0);
    }
  }

  private void product(UnaryOp widening, Memory own, int header) {
    routine().unary(widening, codes, own);
    routine().unary(UnaryOp.VCVTDQ2PS, codes, codes);
    routine().unary(UnaryOp.VCVTPH2PS, scratch, Memory.at(Register.RAX, header));
    routine().binary(BinaryOp.VMULPS, codes, codes, scratch);
  }

  private void addMinimum() {
    int lanes = set().lanes();
    if (scales == IntegerForm.Scales.OF_SUPER_BLOCK) {
      product(UnaryOp.VPMOVZXBD, Memory.at(Register.R9, lanes), lanes * Short.BYTES);
    } else {
      routine().unary(UnaryOp.VCVTPH2PS, codes, Memory.at(Register.R9, lanes * Short.BYTES));
    }
    for (int row = 0; row < rows(); row++) {
      Operand factor = element(input(row, ActivationGroup.SCALED_SUM), scratch);
      routine().binary(BinaryOp.VFMADD231PS, sum(row, 0), codes, factor);
    }
  }
}
