package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.SHORT_VECTOR;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.I2S;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.MAX;

import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.LinearWork;
import dev.serval.models.cpu.linear.RoundedGroup;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;
import org.jspecify.annotations.Nullable;

/**
 * A product's inputs as 8-bit integers times a scale for each {@link RoundedGroup}, kept as shorts:
 * {@code [group of rows][block][row of the group][offset, column …]}. A block begins with what
 * makes up for the 8 that is not taken off nibbles: −8 times the sum of its integers. Of two
 * columns that share an octet the second has 16 times the first taken off, since its nibble is in
 * the octet that the first is multiplied by ({@link NibbleMatrix}). Made once for each product, by
 * the crew if they are many; a part is a group of rows.
 */
final class NibbleInputs implements WorkCrew.Work {
  /** The rows of a group, but for the last: the most that a kernel multiplies. */
  static final int GROUP = 4;

  /** Shorts of a row's block. */
  static final int STEP = NibbleLayout.BLOCK + 1;

  private static final int BLOCK = NibbleLayout.BLOCK;
  private static final int OPERATIONS_PER_ELEMENT = 4;
  private static final int NIBBLE_OFFSET = 8;
  private static final int NIBBLE_BITS = 4;
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final VectorSpecies<Integer> I = Lanes.INTS;
  private static final VectorSpecies<Short> S = Lanes.SHORTS;
  private static final ByteOrder LE = Lanes.ORDER;

  /** Added to a small number, leaves the nearest integer in the lower bits, even of two. */
  private static final float ROUNDER = 0x1.8p23f;

  private @Nullable LinearWork product;
  private long serial = -1;
  private int rows;
  private int blocks;
  private short[] codes = new short[0];
  private float[] factors = new float[0];

  /** Takes in the rows of a product, unless that was done for another part of its matrix. */
  void take(LinearWork work, int columns, WorkCrew crew) {
    if (serial == work.serial() && product == work) {
      return;
    }
    product = work;
    serial = work.serial();
    rows = work.rows();
    blocks = columns / BLOCK;
    int padded = Math.ceilDiv(work.allInputs(), GROUP) * GROUP;
    if (codes.length < padded * blocks * STEP) {
      codes = new short[padded * blocks * STEP];
    }
    if (factors.length < padded * blocks) {
      factors = new float[padded * blocks];
    }
    if (rows > 0) {
      crew.run(this);
    }
  }

  short[] codes() {
    return codes;
  }

  float[] factors() {
    return factors;
  }

  int blocks() {
    return blocks;
  }

  int codesAt(LinearWork work, int group) {
    return factorsAt(work, group) * STEP;
  }

  int factorsAt(LinearWork work, int group) {
    return (work.firstInput() + group * GROUP) * blocks;
  }

  /** For how many of a product's rows a group has room: 1 or {@link #GROUP}. */
  static int size(LinearWork work, int group) {
    return work.rows() - group * GROUP == 1 ? 1 : GROUP;
  }

  @Override
  public int parts() {
    return Math.ceilDiv(rows, GROUP);
  }

  @Override
  public long operations() {
    return (long) rows * blocks * BLOCK * OPERATIONS_PER_ELEMENT;
  }

  @Override
  public void part(int group, int worker) {
    int end = Math.min(rows, (group + 1) * GROUP);
    for (int row = group * GROUP; row < end; row++) {
      takeRow(Objects.requireNonNull(product), group, row);
    }
  }

  private void takeRow(LinearWork work, int group, int row) {
    MemorySegment data = work.in().data();
    for (int block = 0; block < blocks; block++) {
      long from = (work.source(row) + (long) block * BLOCK) * Float.BYTES;
      int place = block * size(work, group) + row - group * GROUP;
      float greatest = greatest(data, from);
      factors[factorsAt(work, group) + place] =
          Float.isFinite(greatest) ? greatest * (1 / RoundedGroup.GREATEST) : Float.NaN;
      int at = codesAt(work, group) + place * STEP;
      round(data, from, RoundedGroup.GREATEST / greatest, codes, at);
    }
  }

  /** The greatest magnitude of a block. */
  private static float greatest(MemorySegment data, long from) {
    IntVector most = IntVector.broadcast(I, Float.floatToRawIntBits(RoundedGroup.LEAST));
    for (int i = 0; i < BLOCK; i += Lanes.COUNT) {
      long at = from + (long) i * Float.BYTES;
      most = IntVector.fromMemorySegment(I, data, at, LE).and(Integer.MAX_VALUE).max(most);
    }
    return Float.intBitsToFloat(most.reduceLanes(MAX));
  }

  /** Rounds a block to integers. What is above their lower 16 bits is not theirs and not kept. */
  private static void round(MemorySegment data, long from, float factor, short[] to, int at) {
    IntVector sum = IntVector.zero(I);
    for (int i = 0; i < BLOCK; i += Lanes.COUNT) {
      IntVector codes =
          FloatVector.fromMemorySegment(F, data, from + (long) i * Float.BYTES, LE)
              .mul(factor)
              .add(ROUNDER)
              .reinterpretAsInts();
      sum = sum.add(codes);
      IntVector first = codes.reinterpretAsLongs().lanewise(LSHL, Integer.SIZE).reinterpretAsInts();
      SHORT_VECTOR
          .cast(codes.sub(first.lanewise(LSHL, NIBBLE_BITS)).convertShape(I2S, S, 0))
          .intoArray(to, at + 1 + i);
    }
    to[at] = (short) (-NIBBLE_OFFSET * sum.reduceLanes(ADD));
  }
}
