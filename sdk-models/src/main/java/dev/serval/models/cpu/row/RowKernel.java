package dev.serval.models.cpu.row;

import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** How a tier of kernels normalises, turns and rounds. Results have the same bits in all tiers. */
public interface RowKernel {
  /** Sums that an element belongs to by its index. */
  int SUMS = 4;

  /**
   * Normalises consecutive elements by their root mean square: each times the scale, then times its
   * gain.
   *
   * @param in the elements
   * @param from the index of the first
   * @param gains their gains, F32
   * @param columns how many there are
   * @param epsilon what is added to the mean square
   * @param add whether results are added to what is there
   * @param out where results go, which may be where the elements are
   * @param to the index of the first result
   */
  void normalise(
      CpuActivations in,
      long from,
      MemorySegment gains,
      int columns,
      float epsilon,
      boolean add,
      CpuActivations out,
      long to);

  /**
   * Normalises consecutive elements from their mean: each less that, times the scale, then times
   * its gain, and its bias added.
   *
   * @param in the elements
   * @param from the index of the first
   * @param gains their gains, F32
   * @param bias their biases, F32, or null
   * @param columns how many there are
   * @param epsilon what is added to the variance
   * @param add whether results are added to what is there
   * @param out where results go, which may be where the elements are
   * @param to the index of the first result
   */
  void centre(
      CpuActivations in,
      long from,
      MemorySegment gains,
      @Nullable MemorySegment bias,
      int columns,
      float epsilon,
      boolean add,
      CpuActivations out,
      long to);

  /**
   * Adds consecutive elements, each times a factor, to others: a product and a sum, both rounded.
   *
   * @param in the elements
   * @param from the index of the first
   * @param factor what they are multiplied by
   * @param count how many there are
   * @param out what they are added to
   * @param to the index of the first
   */
  void addScaled(
      CpuActivations in, long from, float factor, int count, CpuActivations out, long to);

  /**
   * The mean of consecutive elements.
   *
   * @param in the elements
   * @param from the index of the first
   * @param columns how many there are
   */
  float mean(CpuActivations in, long from, int columns);

  /**
   * The mean of the squares of how far consecutive elements are from something.
   *
   * @param in the elements
   * @param from the index of the first
   * @param middle from what
   * @param columns how many there are
   */
  double meanSquare(CpuActivations in, long from, float middle, int columns);

  /**
   * Takes something from consecutive elements, in their place; what would be less than 0 is 0.
   *
   * @param rows the elements
   * @param from the index of the first
   * @param count how many there are
   * @param least what is taken from them
   */
  void keepAbove(CpuActivations rows, long from, int count, float least);

  /**
   * Multiplies consecutive elements by others.
   *
   * @param by the others, F32
   * @param at the index of the first of them
   * @param in the elements
   * @param from the index of the first
   * @param count how many there are
   * @param out where products go, which may be where the elements are
   * @param to the index of the first
   */
  void multiply(
      MemorySegment by,
      long at,
      CpuActivations in,
      long from,
      int count,
      CpuActivations out,
      long to);

  /**
   * Turns one head in place.
   *
   * @param rows where it is
   * @param head the index of its first element
   * @param angles the cosines of all pairs, then their sines
   * @param at where the first cosine is
   * @param pairs how many there are
   * @param neighbours whether neighbours are paired, and not the two halves of the head
   */
  void turn(CpuActivations rows, long head, float[] angles, int at, int pairs, boolean neighbours);

  /**
   * Rounds consecutive elements to BF16.
   *
   * @param in the elements
   * @param from the index of the first
   * @param to where results go
   * @param count how many there are
   */
  void round(CpuActivations in, long from, short[] to, int count);

  /** What each element is multiplied by that is normalised. */
  static float scale(double meanSquare, float epsilon) {
    return (float) (1 / Math.sqrt(meanSquare + epsilon));
  }

  /** The mean square, given the {@link #SUMS} sums of squares, kept in F64. */
  static double meanSquare(double a, double b, double c, double d, int columns) {
    return ((a + b) + (c + d)) / columns;
  }

  /** The mean, given the {@link #SUMS} sums, kept in F64. */
  static float mean(double a, double b, double c, double d, int columns) {
    return (float) (((a + b) + (c + d)) / columns);
  }

  /** An element's square, which is exact. */
  static double square(double element) {
    return element * element;
  }
}
