package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.ImmediateOp;
import dev.serval.models.cpu.generated.Instruction.Label;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Operand.Broadcast;
import dev.serval.models.cpu.generated.Operand.Literal;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.Vector;
import java.util.Collections;

/**
 * A tile of 8-bit inputs and integer codes; see {@link Tile}. Where there are registers enough it
 * has two blocks, since an input is then fetched once for both.
 */
final class IntegerTile extends Tile {
  private static final int QUADS = 8;
  private static final int NIBBLE_BITS = 4;
  private static final int NIBBLE = 0xF;
  private static final int ONES = 0x00010001;

  /** 2<sup>−127</sup> as F32, which is too small to be normal. */
  private static final int SMALLEST_SCALE = 0x0040_0000;

  private static final int HALF = Float.floatToIntBits(0.5f);
  private static final int FRACTION_BITS = 23;

  /** The most rows of a tile: each has two registers for each block. */
  static final int MAX_ROWS = 6;

  /** A tile that has its codes to itself waits for them, so they are one run. */
  static final int MAX_BLOCKS_ALONE = 1;

  /** A block is read from its beginning to its end, and memory likes to be asked this early. */
  private static final int AHEAD = 6144;

  /**
   * So many groups ahead, where a tile of few rows waits for memory alone: it comes to the
   * second-level cache then, and from there when it is needed.
   */
  private static final int GROUPS_AHEAD = 4;

  private static final int SHARED = 4;

  private final IntegerForm form;
  private final IntegerForm.Scales scales;
  private final int offset;
  private final Vector scratch;
  private final Vector input;
  private final Vector magnitudes;
  private final Vector mask;
  private final Vector ones;

  /** From here on what all groups of a span have in common, if there is room for it. */
  private final int header;

  /** What codes choose from; a tile of one block needs no register for inputs. */
  private final Vector table;

  IntegerTile(InstructionSet set, IntegerForm form, int rows, int blocks, Ending ending) {
    super(set, rows, blocks, ending);
    this.form = form;
    scales = form.scales();
    offset = form.offset(set);
    int shared = firstShared(rows, blocks);
    scratch = vector(shared);
    magnitudes = vector(shared + 1);
    mask = vector(shared + 1);
    ones = vector(shared + 2);
    header = shared + SHARED;
    input = vector(shared + 2);
    table = keepsConstants() ? vector(shared + (blocks == 1 ? 2 : 3)) : scratch;
  }

  /** Behind the sums of both kinds and the codes come registers that all rows and blocks share. */
  private static int firstShared(int rows, int blocks) {
    return (2 * rows + 1) * blocks;
  }

  /** The most blocks of a tile with this many rows; one row is always alone. */
  static int maxBlocks(InstructionSet set, int rows) {
    return rows > 1 && firstShared(MAX_ROWS, 2) + SHARED <= set.registers() ? 2 : 1;
  }

  private Vector codes(int block) {
    return vector(2 * rows() * blocks() + block);
  }

  private Vector dot(int row, int block) {
    return vector((rows() + row) * blocks() + block);
  }

  private static Memory in(int block, Register first, int at) {
    return block == 0 ? Memory.at(first, at) : new Memory(first, Register.R9, 1, at);
  }

  /** Whether sums of a group fit 16 bits. */
  private boolean narrow() {
    return !set().byteDots() && form.small();
  }

  /** Without dot products of bytes signs need the registers that a table and masks would have. */
  private boolean keepsConstants() {
    return set().byteDots() || !form.chooses();
  }

  /** Whether the scale of eight groups is fetched once for all of them. */
  private boolean keepsHeader() {
    return scales.header() > 0 && scales.bytes() > 0 && header + blocks() <= set().registers();
  }

  @Override
  void constants() {
    if (!form.bytes() && keepsConstants()) {
      routine().constant(mask, mask());
    }
    if (form.chooses() && keepsConstants()) {
      routine().table(table, form.table(set()));
    }
    if (!set().byteDots()) {
      routine().constant(ones, ONES);
    }
  }

  @Override
  void groups() {
    fetchOutput(MAX_ROWS);
    Label next = new Label("span");
    Label end = new Label("end");
    routine().add(next);
    span(end);
    routine().add(new Instruction.JumpUnlessZero(next));
    routine().add(end);
  }

  /**
   * Scales, and behind them the groups that they belong to; the last ones may be missing. RAX is
   * where the scales begin, R10 where a group's own are.
   */
  private void span(Label end) {
    fetchAhead(0, scales.spanBytes(set()));
    routine().add(new Instruction.Copy(Register.RAX, Register.RDI));
    routine().add(new Instruction.Copy(Register.R10, Register.RDI));
    for (int block = 0; block < blocks() && keepsHeader(); block++) {
      fetchHeader(0, block, vector(header + block));
    }
    routine().advance(Register.RDI, scales.spanBytes(set()));
    routine().advance(Register.R10, scales.header() * set().lanes());
    routine().add(new Instruction.Set(Register.R11, scales.span()));
    routine()
        .repeat(
            "group",
            Register.R11,
            1,
            () -> {
              group();
              routine().advance(Register.R10, scales.bytes() * set().lanes());
              routine().advance(Register.R8, -1);
              routine().add(new Instruction.JumpIfZero(end));
            });
    routine().advance(Register.R8, 0); // some are left, which the flags are to say again
  }

  private void group() {
    int sections = form.sections();
    for (int section = 0; section < sections; section++) {
      start(section);
      for (int quad = section * QUADS / sections; quad < (section + 1) * QUADS / sections; quad++) {
        askForOthers(MAX_ROWS, form.groupBytes(set()), quad, QUADS);
        fetchCodesAhead(quad);
        fetch(quad);
        for (int row = 0; row < rows(); row++) {
          multiply(row, quad, startsWithProduct() && quad % (QUADS / sections) == 0);
        }
      }
      for (int block = 0; block < blocks(); block++) {
        fetchScale(section, block);
      }
      for (int row = 0; row < rows(); row++) {
        scale(row, section);
      }
      if (scales.minimum()) {
        addMinimum(section);
      }
    }
    routine().advance(Register.RDI, form.codeBytes() * set().lanes());
    routine().advance(Register.RSI, rows() * ActivationGroup.BYTES);
  }

  private void fetchCodesAhead(int quad) {
    spread(codeLines(), quad, QUADS, line -> fetchAhead(line * Routine.LINE, Routine.LINE));
  }

  private int codeLines() {
    return Math.ceilDiv(form.codeBytes() * set().lanes(), Routine.LINE);
  }

  private void fetchAhead(int from, int bytes) {
    for (int block = 0; block < blocks(); block++) {
      if (waitsForMemory()) {
        int ahead = GROUPS_AHEAD * codeLines() * Routine.LINE;
        routine().prefetchLater(in(block, Register.RDI, ahead + from), bytes);
      } else {
        routine().prefetch(in(block, Register.RDI, AHEAD + from), bytes);
      }
    }
  }

  /** Whether there is little to do for each code, so that memory is what it waits for. */
  private boolean waitsForMemory() {
    return !sharesCodes(MAX_ROWS) && scales.onlyOfGroups() && form.codes(0).length == 1;
  }

  private Memory input(int row, int at) {
    return Memory.at(Register.RSI, row * ActivationGroup.BYTES + at);
  }

  /** 32 bits of an input for all lanes of all blocks. */
  private Operand shared(int row, int at) {
    return element(input(row, at), blocks() == 1 ? scratch : input);
  }

  /** Integer sums begin with what the codes' offset will have added, or with the first product. */
  private void start(int section) {
    for (int row = 0; row < rows() && !startsWithProduct(); row++) {
      if (offset != 0) {
        fetchExcess(row, section, blocks() == 1 ? dot(row, 0) : input);
      }
      for (int block = 0; block < blocks(); block++) {
        if (offset == 0) {
          routine().zero(dot(row, block));
        } else {
          raise(dot(row, block), blocks() == 1 ? dot(row, 0) : input);
        }
      }
    }
  }

  private boolean startsWithProduct() {
    return narrow() || (offset == 0 && !set().byteDots());
  }

  private void fetchExcess(int row, int section, Vector target) {
    int at =
        form.sections() == 1
            ? ActivationGroup.SUM
            : ActivationGroup.HALF_SUMS + section * Integer.BYTES;
    routine().unary(UnaryOp.VPBROADCASTD, target, input(row, at));
  }

  private void raise(Vector target, Vector excess) {
    int shift = Integer.numberOfTrailingZeros(offset);
    if (shift != 0 || !target.equals(excess)) {
      routine().immediate(ImmediateOp.VPSLLD, target, excess, shift);
    }
  }

  /** The codes of four columns. */
  private void fetch(int quad) {
    for (int block = 0; block < blocks(); block++) {
      if (form.bytes()) {
        fetchBytes(quad, block);
      } else {
        fetchCodes(quad, block);
      }
    }
  }

  private void fetchBytes(int quad, int block) {
    routine().load(codes(block), in(block, Register.RDI, quad * width().bytes()));
    takeMagnitudes(block);
  }

  private void takeMagnitudes(int block) {
    if (!set().byteDots()) {
      routine().unary(UnaryOp.VPABSB, magnitudes, codes(block));
    }
  }

  private void fetchCodes(int quad, int block) {
    Vector codes = codes(block);
    CodeBits[] places = form.codes(quad);
    if (places.length == 1) {
      fetchBits(places[0], block);
    } else {
      load(places[0], block, codes);
      load(places[1], block, scratch);
      combine(places[0], places[1], codes);
    }
    if (form.chooses()) {
      choose(block);
    }
  }

  /** Bits in the scratch register and others; one mask does, if both have the same. */
  private void combine(CodeBits own, CodeBits others, Vector codes) {
    boolean together = own.mask() == others.mask();
    if (!together) {
      mask(own, codes);
      mask(others, scratch);
    }
    routine().binary(BinaryOp.VPXOR, codes, codes, scratch);
    if (together) {
      mask(own, codes);
    }
  }

  private void fetchBits(CodeBits bits, int block) {
    if (bits.shift() == 0 && keeps(bits.mask())) {
      routine().binary(BinaryOp.VPAND, codes(block), mask, at(bits, block));
    } else {
      load(bits, block, codes(block));
      mask(bits, codes(block));
    }
  }

  private Memory at(CodeBits bits, int block) {
    return in(block, Register.RDI, bits.word() * width().bytes());
  }

  /** Leaves bits where they belong in codes. */
  private void load(CodeBits bits, int block, Vector target) {
    routine().load(target, at(bits, block));
    if (bits.shift() != 0) {
      ImmediateOp op = bits.shift() > 0 ? ImmediateOp.VPSRLD : ImmediateOp.VPSLLD;
      routine().immediate(op, target, target, Math.abs(bits.shift()));
    }
  }

  private void mask(CodeBits bits, Vector target) {
    Operand other = keeps(bits.mask()) ? mask : everywhere(bits.mask());
    routine().binary(BinaryOp.VPAND, target, target, other);
  }

  private boolean keeps(int bits) {
    return keepsConstants() && bits == mask();
  }

  /** That of most codes. */
  private int mask() {
    return form.codes(0)[0].mask();
  }

  private void choose(int block) {
    if (!keepsConstants()) {
      routine().table(table, form.table(set()));
    }
    routine().binary(BinaryOp.VPSHUFB, codes(block), table, codes(block));
    takeMagnitudes(block);
  }

  private void multiply(int row, int quad, boolean first) {
    if (set().byteDots()) {
      Operand bytes = shared(row, quad * Integer.BYTES);
      for (int block = 0; block < blocks(); block++) {
        routine().binary(BinaryOp.VPDPBUSD, dot(row, block), codes(block), bytes);
      }
      return;
    }
    routine().unary(UnaryOp.VPBROADCASTD, scratch, input(row, quad * Integer.BYTES));
    if (form.signedBytes()) {
      routine().binary(BinaryOp.VPSIGNB, scratch, scratch, codes(0));
    }
    Vector unsigned = form.signedBytes() ? magnitudes : codes(0);
    Vector products = first && narrow() ? dot(row, 0) : scratch;
    routine().binary(BinaryOp.VPMADDUBSW, products, unsigned, scratch);
    if (!narrow()) {
      Vector sums = first ? dot(row, 0) : scratch;
      routine().binary(BinaryOp.VPMADDWD, sums, products, ones);
    }
    if (!first) {
      BinaryOp add = narrow() ? BinaryOp.VPADDW : BinaryOp.VPADDD;
      routine().binary(add, dot(row, 0), dot(row, 0), scratch);
    }
  }

  /** Adds a row's integer sums to the tile's. */
  private void scale(int row, int section) {
    if (narrow()) {
      widen(row, section);
    }
    for (int block = 0; block < blocks(); block++) {
      routine().unary(UnaryOp.VCVTDQ2PS, dot(row, block), dot(row, block));
    }
    Operand factor = shared(row, ActivationGroup.SCALE);
    for (int block = 0; block < blocks(); block++) {
      routine().binary(BinaryOp.VMULPS, scratch, codes(block), factor);
      routine().binary(BinaryOp.VFMADD231PS, sum(row, block), dot(row, block), scratch);
    }
  }

  private void widen(int row, int section) {
    routine().binary(BinaryOp.VPMADDWD, dot(row, 0), dot(row, 0), ones);
    if (offset != 0) {
      fetchExcess(row, section, scratch);
      raise(scratch, scratch);
      routine().binary(BinaryOp.VPADDD, dot(row, 0), dot(row, 0), scratch);
    }
  }

  /** Leaves the scales in the register of codes. */
  private void fetchScale(int section, int block) {
    Memory own = in(block, Register.R10, 0);
    Memory ofSection = own.plus(section * set().lanes());
    Vector target = codes(block);
    switch (scales) {
      case OF_GROUP, WITH_MINIMUM -> routine().unary(UnaryOp.VCVTPH2PS, target, own);
      case EXPONENT -> power(own, target);
      case OF_EIGHT_GROUPS -> fetchHeader(0, block, target);
      case OF_SUPER_BLOCK -> product(UnaryOp.VPMOVZXBD, own, 0, block);
      case OF_HALVES, SIGNED -> product(UnaryOp.VPMOVSXBD, ofSection, 0, block);
      case OF_HALVES_WITH_MINIMA -> {
        nibble(ofSection, 0, target);
        product(0, block);
      }
      case ODD_OF_HALVES -> {
        nibble(own, section, target);
        routine().binary(BinaryOp.VADDPS, target, target, everywhere(HALF));
        product(0, block);
      }
    }
  }

  /** The lower or the upper halves of bytes. */
  private void nibble(Memory bytes, int which, Vector target) {
    routine().unary(UnaryOp.VPMOVZXBD, target, bytes);
    if (which == 0) {
      routine().binary(BinaryOp.VPAND, target, target, everywhere(NIBBLE));
    } else {
      routine().immediate(ImmediateOp.VPSRLD, target, target, NIBBLE_BITS);
    }
    routine().unary(UnaryOp.VCVTDQ2PS, target, target);
  }

  /**
   * Half of 2 to the power of a byte less 127. The byte is put where an F32 has its exponent: 255
   * becomes infinity, which less half of it is no number; 0 becomes 0, for which the least is
   * taken.
   */
  private void power(Memory own, Vector target) {
    routine().unary(UnaryOp.VPMOVZXBD, target, own);
    routine().immediate(ImmediateOp.VPSLLD, target, target, FRACTION_BITS);
    routine().constant(scratch, SMALLEST_SCALE);
    routine().binary(BinaryOp.VPMAXSD, target, target, scratch);
    routine().constant(scratch, HALF);
    routine().binary(BinaryOp.VMULPS, scratch, target, scratch);
    routine().binary(BinaryOp.VSUBPS, target, target, scratch);
  }

  private void product(UnaryOp widening, Memory own, int at, int block) {
    routine().unary(widening, codes(block), own);
    routine().unary(UnaryOp.VCVTDQ2PS, codes(block), codes(block));
    product(at, block);
  }

  /** Multiplies what is in the register of codes by what lies there for all groups of a span. */
  private void product(int at, int block) {
    boolean kept = at == 0 && keepsHeader();
    Vector factor = kept ? vector(header + block) : scratch;
    if (!kept) {
      fetchHeader(at, block, factor);
    }
    routine().binary(BinaryOp.VMULPS, codes(block), codes(block), factor);
  }

  /** Units are powers of two, so nothing is rounded. */
  private void fetchHeader(int at, int block, Vector target) {
    routine().unary(UnaryOp.VCVTPH2PS, target, in(block, Register.RAX, at));
    float unit = scales == IntegerForm.Scales.ODD_OF_HALVES ? 2 * form.unit() : form.unit();
    if (unit != 1) {
      Operand units = everywhere(Float.floatToRawIntBits(unit));
      routine().binary(BinaryOp.VMULPS, target, target, units);
    }
  }

  /** A constant for all lanes, as an operand. */
  private Operand everywhere(int bits) {
    return set().broadcasts()
        ? new Broadcast(Literal.of(bits))
        : new Literal(Collections.nCopies(set().lanes(), bits));
  }

  private void addMinimum(int section) {
    for (int block = 0; block < blocks(); block++) {
      fetchMinimum(section, block);
    }
    for (int row = 0; row < rows(); row++) {
      Operand factor =
          form.sections() == 1
              ? shared(row, ActivationGroup.SCALED_SUM)
              : scaledHalfSum(row, section);
      for (int block = 0; block < blocks(); block++) {
        routine().binary(BinaryOp.VFMADD231PS, sum(row, block), codes(block), factor);
      }
    }
  }

  /** In a register of integer sums, which were added already. */
  private Vector scaledHalfSum(int row, int section) {
    Vector sum = dot(row, 0);
    fetchExcess(row, section, sum);
    routine().unary(UnaryOp.VCVTDQ2PS, sum, sum);
    routine().binary(BinaryOp.VMULPS, sum, sum, shared(row, ActivationGroup.SCALE));
    return sum;
  }

  private void fetchMinimum(int section, int block) {
    int lanes = set().lanes();
    Memory own = in(block, Register.R10, 0);
    switch (scales) {
      case WITH_MINIMUM ->
          routine().unary(UnaryOp.VCVTPH2PS, codes(block), own.plus(lanes * Short.BYTES));
      case OF_SUPER_BLOCK ->
          product(UnaryOp.VPMOVZXBD, own.plus(lanes), lanes * Short.BYTES, block);
      case OF_HALVES_WITH_MINIMA -> {
        nibble(own.plus(section * lanes), 1, codes(block));
        product(lanes * Short.BYTES, block);
      }
      case OF_GROUP, EXPONENT, OF_EIGHT_GROUPS, OF_HALVES, ODD_OF_HALVES, SIGNED ->
          throw new IllegalStateException(scales + " have no minimum");
    }
  }
}
