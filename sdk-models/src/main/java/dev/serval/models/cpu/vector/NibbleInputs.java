package dev.serval.models.cpu.vector;

import static jdk.incubator.vector.VectorOperators.MAX;

import dev.serval.models.cpu.LinearWork;
import dev.serval.models.cpu.RoundedGroup;
import dev.serval.models.cpu.WorkCrew;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import org.jspecify.annotations.Nullable;

/**
 * A product's inputs as 8-bit integers times a scale for each {@link RoundedGroup}, kept as shorts:
 * {@code [group of rows][block][offset, column …][row of the group]}. A block begins with what
 * makes up for the 8 that is not taken off nibbles: −8 times the sum of its integers. Made once for
 * each product, by the crew if they are many; a part is a group of rows.
 */
final class NibbleInputs implements WorkCrew.Work {
  /** The rows of a group, but for the last. */
  static final int GROUP = Lanes.KERNEL_ROWS;

  /** Shorts of a row's block. */
  static final int STEP = NibbleLayout.BLOCK + 1;

  private static final int BLOCK = NibbleLayout.BLOCK;
  private static final int OPERATIONS_PER_ELEMENT = 4;
  private static final int NIBBLE_OFFSET = 8;

  /** Added to a small number, leaves the nearest integer in the lower bits, even of two. */
  private static final float ROUNDER = 0x1.8p23f;

  /** Of each worker a block. */
  private final int[][] rounded;

  private @Nullable LinearWork product;
  private long serial = -1;
  private int rows;
  private int blocks;
  private short[] codes = new short[0];
  private float[] factors = new float[0];

  NibbleInputs(int workers) {
    rounded = new int[workers][BLOCK];
  }

  /** Takes in the rows of a product, unless that was done for another part of its matrix. */
  void take(LinearWork work, int columns, WorkCrew crew) {
    if (serial == work.serial() && product == work) {
      return;
    }
    product = work;
    serial = work.serial();
    rows = work.rows();
    blocks = columns / BLOCK;
    int padded = Math.ceilDiv(rows, GROUP) * GROUP;
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

  int codesAt(int group) {
    return group * GROUP * blocks * STEP;
  }

  int factorsAt(int group) {
    return group * GROUP * blocks;
  }

  /** For how many rows a group has room: 1, 4, or 8 if groups are so large. */
  int size(int group) {
    int left = rows - group * GROUP;
    return left == 1 ? 1 : left <= 4 ? 4 : GROUP;
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
    LinearWork work = Objects.requireNonNull(product);
    int[] block = rounded[worker];
    int size = size(group);
    int end = Math.min(rows, (group + 1) * GROUP);
    for (int row = group * GROUP; row < end; row++) {
      int within = row - group * GROUP;
      long from = work.source(row) * Float.BYTES;
      for (int i = 0; i < blocks; i++) {
        float scale = round(work.in().data(), from + (long) i * BLOCK * Float.BYTES, block);
        factors[factorsAt(group) + i * size + within] = scale;
        scatter(block, codesAt(group) + i * size * STEP + within, size);
      }
    }
  }

  /** Rounds a block to integers, and gives its scale. */
  private static float round(MemorySegment data, long from, int[] to) {
    IntVector most = IntVector.broadcast(Lanes.INTS, Float.floatToRawIntBits(RoundedGroup.LEAST));
    for (int i = 0; i < BLOCK; i += Lanes.COUNT) {
      long at = from + (long) i * Float.BYTES;
      most =
          IntVector.fromMemorySegment(Lanes.INTS, data, at, Lanes.ORDER)
              .and(Integer.MAX_VALUE)
              .max(most);
    }
    float greatest = Float.intBitsToFloat(most.reduceLanes(MAX));
    float factor = RoundedGroup.GREATEST / greatest;
    for (int i = 0; i < BLOCK; i += Lanes.COUNT) {
      long at = from + (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(Lanes.FLOATS, data, at, Lanes.ORDER)
          .mul(factor)
          .add(ROUNDER)
          .reinterpretAsInts()
          .intoArray(to, i);
    }
    return Float.isFinite(greatest) ? greatest * (1 / RoundedGroup.GREATEST) : Float.NaN;
  }

  private void scatter(int[] block, int to, int step) {
    int sum = 0;
    for (int i = 0; i < BLOCK; i++) {
      short code = (short) block[i];
      codes[to + (i + 1) * step] = code;
      sum += code;
    }
    codes[to] = (short) (-NIBBLE_OFFSET * sum);
  }
}
