package dev.serval.models.cpu.plain;

import dev.serval.models.cpu.arithmetic.BFloat16;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.row.RowKernel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** Norms, rotation and rounding in plain Java. */
public final class PlainRowKernel implements RowKernel {
  /** Ready for any rows. */
  public PlainRowKernel() {}

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
    for (int i = 0; i < columns; i++) {
      float gain = gains.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      float normed = in.at(from + i) * scale * gain;
      out.set(to + i, add ? out.at(to + i) + normed : normed);
    }
  }

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
    float mean = mean(in, from, columns);
    float scale = RowKernel.scale(meanSquare(in, from, mean, columns), epsilon);
    for (int i = 0; i < columns; i++) {
      float gain = gains.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      float normed = (in.at(from + i) - mean) * scale * gain;
      if (bias != null) {
        normed += bias.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      }
      out.set(to + i, add ? out.at(to + i) + normed : normed);
    }
  }

  /** Four sums, which do not wait for each other. */
  @Override
  public float mean(CpuActivations in, long from, int columns) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    int whole = columns & -SUMS;
    for (int i = 0; i < whole; i += SUMS) {
      a += in.at(from + i);
      b += in.at(from + i + 1);
      c += in.at(from + i + 2);
      d += in.at(from + i + 3);
    }
    for (int i = whole; i < columns; i++) {
      a += in.at(from + i);
    }
    return RowKernel.mean(a, b, c, d, columns);
  }

  @Override
  public double meanSquare(CpuActivations in, long from, float middle, int columns) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    int whole = columns & -SUMS;
    for (int i = 0; i < whole; i += SUMS) {
      a += RowKernel.square(in.at(from + i) - middle);
      b += RowKernel.square(in.at(from + i + 1) - middle);
      c += RowKernel.square(in.at(from + i + 2) - middle);
      d += RowKernel.square(in.at(from + i + 3) - middle);
    }
    for (int i = whole; i < columns; i++) {
      a += RowKernel.square(in.at(from + i) - middle);
    }
    return RowKernel.meanSquare(a, b, c, d, columns);
  }

  @Override
  public void keepAbove(CpuActivations rows, long from, int count, float least) {
    for (long i = from; i < from + count; i++) {
      rows.set(i, Math.max(rows.at(i) - least, 0));
    }
  }

  @Override
  public void addScaled(
      CpuActivations in, long from, float factor, int count, CpuActivations out, long to) {
    for (int i = 0; i < count; i++) {
      out.set(to + i, out.at(to + i) + in.at(from + i) * factor);
    }
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
    for (int i = 0; i < count; i++) {
      out.set(to + i, by.getAtIndex(ValueLayout.JAVA_FLOAT, at + i) * in.at(from + i));
    }
  }

  @Override
  public void turn(
      CpuActivations rows, long head, float[] angles, int at, int pairs, boolean neighbours) {
    int step = neighbours ? 2 : 1;
    int apart = neighbours ? 1 : pairs;
    for (int pair = 0; pair < pairs; pair++) {
      float cos = angles[at + pair];
      float sin = angles[at + pairs + pair];
      long first = head + (long) pair * step;
      float x = rows.at(first);
      float y = rows.at(first + apart);
      rows.set(first, x * cos - y * sin);
      rows.set(first + apart, y * cos + x * sin);
    }
  }

  @Override
  public void round(CpuActivations in, long from, short[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = BFloat16.fromFloat(in.at(from + i));
    }
  }
}
