package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;

import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.row.RowKernel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.jspecify.annotations.Nullable;

/**
 * Norms, rotation and rounding by the Vector API. What fills no vector is left to another kernel.
 */
final class VectorRowKernel implements RowKernel {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final int L = Lanes.COUNT;
  private static final VectorSpecies<Float> HALF =
      VectorSpecies.of(float.class, VectorShape.forBitSize(Lanes.BITS / 2));
  private static final VectorSpecies<Float> NARROW = FloatVector.SPECIES_128;
  private static final VectorSpecies<Double> WIDE = DoubleVector.SPECIES_256;
  private static final VectorShuffle<Float> OTHER = VectorShuffle.fromOp(F, lane -> lane ^ 1);
  private static final VectorShuffle<Float> TWICE = VectorShuffle.fromOp(F, lane -> lane / 2);
  private static final VectorMask<Float> SECOND = VectorMask.fromLong(F, 0xAAAA_AAAA_AAAA_AAAAL);

  private static final int HALF_STEP = 0x7FFF;
  private static final int QUIET = 0x40;

  private final RowKernel others;

  VectorRowKernel(RowKernel others) {
    this.others = others;
  }

  @Override
  public void normalise(
      CpuActivations in,
      long from,
      MemorySegment gains,
      int columns,
      float epsilon,
      boolean add,
      CpuActivations out,
      long to) {
    float scale = RowKernel.scale(meanSquare(in, from, 0, columns), epsilon);
    int whole = F.loopBound(columns);
    long inAt = from * Float.BYTES;
    long outAt = to * Float.BYTES;
    if (add) {
      addMultiplied(in.data(), inAt, scale, gains, whole, out.data(), outAt);
    } else {
      centre(in.data(), inAt, 0, scale, gains, whole, out.data(), outAt);
    }
    for (int i = whole; i < columns; i++) {
      float gain = gains.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      float normed = in.at(from + i) * scale * gain;
      out.set(to + i, add ? out.at(to + i) + normed : normed);
    }
  }

  /** Adding to what is there is left to the other kernel: no model has such norms at its ends. */
  @Override
  public void centre(
      CpuActivations in,
      long from,
      MemorySegment gains,
      @Nullable MemorySegment bias,
      int columns,
      float epsilon,
      boolean add,
      CpuActivations out,
      long to) {
    if (add) {
      others.centre(in, from, gains, bias, columns, epsilon, true, out, to);
      return;
    }
    long inAt = from * Float.BYTES;
    long outAt = to * Float.BYTES;
    float mean = mean(in, from, columns);
    float scale = RowKernel.scale(meanSquare(in, from, mean, columns), epsilon);
    int whole = F.loopBound(columns);
    centre(in.data(), inAt, mean, scale, gains, whole, out.data(), outAt);
    for (int i = whole; i < columns; i++) {
      float gain = gains.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      out.set(to + i, (in.at(from + i) - mean) * scale * gain);
    }
    if (bias != null) {
      shift(bias, columns, out.data(), outAt);
    }
  }

  @Override
  public float mean(CpuActivations in, long from, int columns) {
    DoubleVector sums = DoubleVector.zero(WIDE);
    int whole = columns & -SUMS;
    for (int i = 0; i < whole; i += SUMS) {
      DoubleVector x =
          (DoubleVector)
              FloatVector.fromMemorySegment(
                      NARROW, in.data(), (from + i) * Float.BYTES, Lanes.ORDER)
                  .convertShape(VectorOperators.F2D, WIDE, 0);
      sums = x.add(sums);
    }
    double first = sums.lane(0);
    for (int i = whole; i < columns; i++) {
      first += in.at(from + i);
    }
    return RowKernel.mean(first, sums.lane(1), sums.lane(2), sums.lane(3), columns);
  }

  @Override
  public double meanSquare(CpuActivations in, long from, float middle, int columns) {
    DoubleVector sums = DoubleVector.zero(WIDE);
    int whole = columns & -SUMS;
    for (int i = 0; i < whole; i += SUMS) {
      DoubleVector x =
          (DoubleVector)
              FloatVector.fromMemorySegment(
                      NARROW, in.data(), (from + i) * Float.BYTES, Lanes.ORDER)
                  .sub(middle)
                  .convertShape(VectorOperators.F2D, WIDE, 0);
      sums = x.mul(x).add(sums);
    }
    double first = sums.lane(0);
    for (int i = whole; i < columns; i++) {
      first += RowKernel.square(in.at(from + i) - middle);
    }
    return RowKernel.meanSquare(first, sums.lane(1), sums.lane(2), sums.lane(3), columns);
  }

  @Override
  public void keepAbove(CpuActivations rows, long from, int count, float least) {
    int whole = F.loopBound(count);
    for (int i = 0; i < whole; i += L) {
      long at = (from + i) * Float.BYTES;
      FloatVector.fromMemorySegment(F, rows.data(), at, Lanes.ORDER)
          .sub(least)
          .max(0)
          .intoMemorySegment(rows.data(), at, Lanes.ORDER);
    }
    others.keepAbove(rows, from + whole, count - whole, least);
  }

  private static void centre(
      MemorySegment in,
      long from,
      float mean,
      float scale,
      MemorySegment gains,
      int count,
      MemorySegment out,
      long to) {
    for (int i = 0; i < count; i += L) {
      long at = (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(F, in, from + at, Lanes.ORDER)
          .sub(mean)
          .mul(scale)
          .mul(FloatVector.fromMemorySegment(F, gains, at, Lanes.ORDER))
          .intoMemorySegment(out, to + at, Lanes.ORDER);
    }
  }

  private static void shift(MemorySegment bias, int columns, MemorySegment out, long to) {
    int whole = F.loopBound(columns);
    for (int i = 0; i < whole; i += L) {
      long at = (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(F, out, to + at, Lanes.ORDER)
          .add(FloatVector.fromMemorySegment(F, bias, at, Lanes.ORDER))
          .intoMemorySegment(out, to + at, Lanes.ORDER);
    }
    for (int i = whole; i < columns; i++) {
      long at = to + (long) i * Float.BYTES;
      float moved = out.get(ValueLayout.JAVA_FLOAT, at);
      out.set(ValueLayout.JAVA_FLOAT, at, moved + bias.getAtIndex(ValueLayout.JAVA_FLOAT, i));
    }
  }

  private static void addMultiplied(
      MemorySegment in,
      long from,
      float scale,
      MemorySegment gains,
      int count,
      MemorySegment out,
      long to) {
    for (int i = 0; i < count; i += L) {
      long at = (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(F, in, from + at, Lanes.ORDER)
          .mul(scale)
          .mul(FloatVector.fromMemorySegment(F, gains, at, Lanes.ORDER))
          .add(FloatVector.fromMemorySegment(F, out, to + at, Lanes.ORDER))
          .intoMemorySegment(out, to + at, Lanes.ORDER);
    }
  }

  @Override
  public void addScaled(
      CpuActivations in, long from, float factor, int count, CpuActivations out, long to) {
    int whole = F.loopBound(count);
    for (int i = 0; i < whole; i += L) {
      long at = (to + i) * Float.BYTES;
      FloatVector.fromMemorySegment(F, in.data(), (from + i) * Float.BYTES, Lanes.ORDER)
          .mul(factor)
          .add(FloatVector.fromMemorySegment(F, out.data(), at, Lanes.ORDER))
          .intoMemorySegment(out.data(), at, Lanes.ORDER);
    }
    others.addScaled(in, from + whole, factor, count - whole, out, to + whole);
  }

  @Override
  public void multiply(
      MemorySegment by,
      long at,
      CpuActivations in,
      long from,
      int count,
      CpuActivations out,
      long to) {
    int whole = F.loopBound(count);
    for (int i = 0; i < whole; i += L) {
      FloatVector.fromMemorySegment(F, by, (at + i) * Float.BYTES, Lanes.ORDER)
          .mul(FloatVector.fromMemorySegment(F, in.data(), (from + i) * Float.BYTES, Lanes.ORDER))
          .intoMemorySegment(out.data(), (to + i) * Float.BYTES, Lanes.ORDER);
    }
    others.multiply(by, at + whole, in, from + whole, count - whole, out, to + whole);
  }

  @Override
  public void turn(
      CpuActivations rows, long head, float[] angles, int at, int pairs, boolean neighbours) {
    if (pairs % L > 0) {
      others.turn(rows, head, angles, at, pairs, neighbours);
    } else if (neighbours) {
      turnNeighbours(rows.data(), head * Float.BYTES, angles, at, pairs);
    } else {
      turnHalves(rows.data(), head * Float.BYTES, angles, at, pairs);
    }
  }

  private static void turnHalves(MemorySegment rows, long head, float[] angles, int at, int pairs) {
    for (int pair = 0; pair < pairs; pair += L) {
      FloatVector cos = FloatVector.fromArray(F, angles, at + pair);
      FloatVector sin = FloatVector.fromArray(F, angles, at + pairs + pair);
      long first = head + (long) pair * Float.BYTES;
      long second = first + (long) pairs * Float.BYTES;
      FloatVector x = FloatVector.fromMemorySegment(F, rows, first, Lanes.ORDER);
      FloatVector y = FloatVector.fromMemorySegment(F, rows, second, Lanes.ORDER);
      x.mul(cos).sub(y.mul(sin)).intoMemorySegment(rows, first, Lanes.ORDER);
      y.mul(cos).add(x.mul(sin)).intoMemorySegment(rows, second, Lanes.ORDER);
    }
  }

  private static void turnNeighbours(
      MemorySegment rows, long head, float[] angles, int at, int pairs) {
    for (int pair = 0; pair < pairs; pair += L / 2) {
      FloatVector cos =
          FLOAT_VECTOR
              .cast(FloatVector.fromArray(HALF, angles, at + pair).reinterpretShape(F, 0))
              .rearrange(TWICE);
      FloatVector sin =
          FLOAT_VECTOR
              .cast(FloatVector.fromArray(HALF, angles, at + pairs + pair).reinterpretShape(F, 0))
              .rearrange(TWICE);
      long first = head + 2L * pair * Float.BYTES;
      FloatVector x = FloatVector.fromMemorySegment(F, rows, first, Lanes.ORDER);
      FloatVector own = x.mul(cos);
      FloatVector other = x.rearrange(OTHER).mul(sin);
      own.sub(other).blend(own.add(other), SECOND).intoMemorySegment(rows, first, Lanes.ORDER);
    }
  }

  @Override
  public void round(CpuActivations in, long from, short[] to, int count) {
    if (count % L > 0) {
      others.round(in, from, to, count);
    } else {
      round(in.data(), from * Float.BYTES, to, count);
    }
  }

  private static void round(MemorySegment in, long from, short[] to, int count) {
    for (int i = 0; i < count; i += L) {
      long at = from + (long) i * Float.BYTES;
      FloatVector x = FloatVector.fromMemorySegment(F, in, at, Lanes.ORDER);
      IntVector bits = x.reinterpretAsInts();
      IntVector upper = bits.lanewise(VectorOperators.LSHR, Short.SIZE);
      Lanes.SHORT_VECTOR
          .cast(
              upper
                  .and(1)
                  .add(bits)
                  .add(HALF_STEP)
                  .lanewise(VectorOperators.LSHR, Short.SIZE)
                  .blend(upper.or(QUIET), x.test(VectorOperators.IS_NAN).cast(Lanes.INTS))
                  .convertShape(VectorOperators.I2S, Lanes.SHORTS, 0))
          .intoArray(to, i);
    }
  }
}
