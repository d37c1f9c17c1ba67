package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The kernels of a linear map: sums in registers, weights in the first-level cache. */
final class TileProducts {
  /*
   * Each kernel loads its sums, adds the products of a stretch of columns, and stores them again.
   * It is one method, however long, that calls the Vector API itself: a vector that is handed to a
   * method of ours, or comes from one, becomes an object whenever the compiler does not inline the
   * call, and the kernel ten times slower. When what it compiles has grown large, it inlines not
   * even the smallest (NodeCountInliningCutoff); only the API's own are exempt. Eight sums hide
   * the latency of a fused multiplication (four cycles, two at a time), twelve and two weights and
   * an input fill the sixteen registers of AVX2.
   */
  /** The most rows of a kernel. */
  static final int MOST_ROWS = Lanes.MANY_REGISTERS ? 12 : 6;

  /** From one row of inputs to the next where many rows go fastest; not a power of two. */
  static final int STEP = LinearScratch.STRETCH + 16;

  /** The most panels of a kernel. */
  static final int MOST_PANELS = 4;

  /** Rows beyond the last whose sums a kernel may change. */
  static final int SPARE_ROWS = 1;

  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final int L = Lanes.COUNT;
  private static final int W = Lanes.WIDTH;

  private TileProducts() {}

  /**
   * Adds products: {@code sums[row][lane] += Σ inputs[row][k] · tile[panel][k][lane]}.
   *
   * @param tile the panels, each of {@code count} times a panel's width
   * @param tileAt where the first begins
   * @param x the inputs
   * @param xStep from one row of inputs to the next
   * @param count how many products are added to each sum
   * @param sums the sums
   * @param sumAt where the first row of sums begins
   * @param sumStep from one row of sums to the next
   * @param rows how many rows there are; {@link #SPARE_ROWS} more may be worked on
   * @param panels how many panels there are; {@link #together} of them are worked on at a time
   */
  static void add(
      float[] tile,
      int tileAt,
      float[] x,
      int xStep,
      int count,
      float[] sums,
      int sumAt,
      int sumStep,
      int rows,
      int panels) {
    int together = together(rows);
    for (int panel = 0; panel < panels; panel += together) {
      int t = tileAt + panel * count * W;
      int s = sumAt + panel * W;
      switch (rows) {
        case 1 -> oneRow(tile, t, x, count, sums, s);
        case 2 -> twoRows(tile, t, x, xStep, count, sums, s, sumStep);
        case 3 -> threeRows(tile, t, x, xStep, count, sums, s, sumStep);
        default -> manyRows(tile, t, x, xStep, count, sums, s, sumStep, rows);
      }
    }
  }

  /** How many panels are worked on at a time: the last few may be none of the caller's. */
  static int together(int rows) {
    return rows == 1 ? MOST_PANELS : rows <= 3 ? 2 : 1;
  }

  /** Twelves, sixes and fours, with at most one row too many. */
  private static void manyRows(
      float[] tile,
      int tileAt,
      float[] x,
      int xStep,
      int count,
      float[] sums,
      int sumAt,
      int sumStep,
      int rows) {
    int row = 0;
    while (row < rows) {
      int left = rows - row;
      if (MOST_ROWS == 12 && xStep == STEP && (left == 11 || left == 12 || left > 14)) {
        twelveRows(tile, tileAt, x, row * STEP, count, sums, sumAt + row * sumStep, sumStep);
        row += 12;
      } else if (left > 4 && left != 7 && left != 8) {
        sixRows(tile, tileAt, x, row * xStep, xStep, count, sums, sumAt + row * sumStep, sumStep);
        row += 6;
      } else {
        fourRows(tile, tileAt, x, row * xStep, xStep, count, sums, sumAt + row * sumStep, sumStep);
        row += 4;
      }
    }
  }

  /** One row, four panels. */
  private static void oneRow(float[] tile, int t0, float[] x, int count, float[] sums, int s0) {
    FloatVector a0 = FloatVector.fromArray(F, sums, s0);
    FloatVector b0 = FloatVector.fromArray(F, sums, s0 + L);
    FloatVector c0 = FloatVector.fromArray(F, sums, s0 + 2 * L);
    FloatVector d0 = FloatVector.fromArray(F, sums, s0 + 3 * L);
    FloatVector e0 = FloatVector.fromArray(F, sums, s0 + 4 * L);
    FloatVector f0 = FloatVector.fromArray(F, sums, s0 + 5 * L);
    FloatVector g0 = FloatVector.fromArray(F, sums, s0 + 6 * L);
    FloatVector h0 = FloatVector.fromArray(F, sums, s0 + 7 * L);
    int t1 = t0 + count * W;
    int t2 = t0 + 2 * count * W;
    int t3 = t0 + 3 * count * W;
    for (int k = 0; k < count; k++) {
      FloatVector v = FloatVector.broadcast(F, x[k]);
      a0 = v.fma(FloatVector.fromArray(F, tile, t0 + k * W), a0);
      b0 = v.fma(FloatVector.fromArray(F, tile, t0 + k * W + L), b0);
      c0 = v.fma(FloatVector.fromArray(F, tile, t1 + k * W), c0);
      d0 = v.fma(FloatVector.fromArray(F, tile, t1 + k * W + L), d0);
      e0 = v.fma(FloatVector.fromArray(F, tile, t2 + k * W), e0);
      f0 = v.fma(FloatVector.fromArray(F, tile, t2 + k * W + L), f0);
      g0 = v.fma(FloatVector.fromArray(F, tile, t3 + k * W), g0);
      h0 = v.fma(FloatVector.fromArray(F, tile, t3 + k * W + L), h0);
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, s0);
    FLOAT_VECTOR.cast(b0).intoArray(sums, s0 + L);
    FLOAT_VECTOR.cast(c0).intoArray(sums, s0 + 2 * L);
    FLOAT_VECTOR.cast(d0).intoArray(sums, s0 + 3 * L);
    FLOAT_VECTOR.cast(e0).intoArray(sums, s0 + 4 * L);
    FLOAT_VECTOR.cast(f0).intoArray(sums, s0 + 5 * L);
    FLOAT_VECTOR.cast(g0).intoArray(sums, s0 + 6 * L);
    FLOAT_VECTOR.cast(h0).intoArray(sums, s0 + 7 * L);
  }

  /** Two rows, two panels. */
  private static void twoRows(
      float[] tile, int t0, float[] x, int xStep, int count, float[] sums, int s0, int sumStep) {
    int s1 = s0 + sumStep;
    int x1 = xStep;
    FloatVector a0 = FloatVector.fromArray(F, sums, s0);
    FloatVector b0 = FloatVector.fromArray(F, sums, s0 + L);
    FloatVector c0 = FloatVector.fromArray(F, sums, s0 + 2 * L);
    FloatVector d0 = FloatVector.fromArray(F, sums, s0 + 3 * L);
    FloatVector a1 = FloatVector.fromArray(F, sums, s1);
    FloatVector b1 = FloatVector.fromArray(F, sums, s1 + L);
    FloatVector c1 = FloatVector.fromArray(F, sums, s1 + 2 * L);
    FloatVector d1 = FloatVector.fromArray(F, sums, s1 + 3 * L);
    int t1 = t0 + count * W;
    for (int k = 0; k < count; k++) {
      FloatVector w0 = FloatVector.fromArray(F, tile, t0 + k * W);
      FloatVector w1 = FloatVector.fromArray(F, tile, t0 + k * W + L);
      FloatVector w2 = FloatVector.fromArray(F, tile, t1 + k * W);
      FloatVector w3 = FloatVector.fromArray(F, tile, t1 + k * W + L);
      FloatVector v = FloatVector.broadcast(F, x[k]);
      a0 = v.fma(w0, a0);
      b0 = v.fma(w1, b0);
      c0 = v.fma(w2, c0);
      d0 = v.fma(w3, d0);
      v = FloatVector.broadcast(F, x[x1 + k]);
      a1 = v.fma(w0, a1);
      b1 = v.fma(w1, b1);
      c1 = v.fma(w2, c1);
      d1 = v.fma(w3, d1);
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, s0);
    FLOAT_VECTOR.cast(b0).intoArray(sums, s0 + L);
    FLOAT_VECTOR.cast(c0).intoArray(sums, s0 + 2 * L);
    FLOAT_VECTOR.cast(d0).intoArray(sums, s0 + 3 * L);
    FLOAT_VECTOR.cast(a1).intoArray(sums, s1);
    FLOAT_VECTOR.cast(b1).intoArray(sums, s1 + L);
    FLOAT_VECTOR.cast(c1).intoArray(sums, s1 + 2 * L);
    FLOAT_VECTOR.cast(d1).intoArray(sums, s1 + 3 * L);
  }

  /** Three rows, two panels. */
  private static void threeRows(
      float[] tile, int t0, float[] x, int xStep, int count, float[] sums, int s0, int sumStep) {
    int s1 = s0 + sumStep;
    int s2 = s1 + sumStep;
    int x1 = xStep;
    int x2 = x1 + xStep;
    FloatVector a0 = FloatVector.fromArray(F, sums, s0);
    FloatVector b0 = FloatVector.fromArray(F, sums, s0 + L);
    FloatVector c0 = FloatVector.fromArray(F, sums, s0 + 2 * L);
    FloatVector d0 = FloatVector.fromArray(F, sums, s0 + 3 * L);
    FloatVector a1 = FloatVector.fromArray(F, sums, s1);
    FloatVector b1 = FloatVector.fromArray(F, sums, s1 + L);
    FloatVector c1 = FloatVector.fromArray(F, sums, s1 + 2 * L);
    FloatVector d1 = FloatVector.fromArray(F, sums, s1 + 3 * L);
    FloatVector a2 = FloatVector.fromArray(F, sums, s2);
    FloatVector b2 = FloatVector.fromArray(F, sums, s2 + L);
    FloatVector c2 = FloatVector.fromArray(F, sums, s2 + 2 * L);
    FloatVector d2 = FloatVector.fromArray(F, sums, s2 + 3 * L);
    int t1 = t0 + count * W;
    for (int k = 0; k < count; k++) {
      FloatVector w0 = FloatVector.fromArray(F, tile, t0 + k * W);
      FloatVector w1 = FloatVector.fromArray(F, tile, t0 + k * W + L);
      FloatVector w2 = FloatVector.fromArray(F, tile, t1 + k * W);
      FloatVector w3 = FloatVector.fromArray(F, tile, t1 + k * W + L);
      FloatVector v = FloatVector.broadcast(F, x[k]);
      a0 = v.fma(w0, a0);
      b0 = v.fma(w1, b0);
      c0 = v.fma(w2, c0);
      d0 = v.fma(w3, d0);
      v = FloatVector.broadcast(F, x[x1 + k]);
      a1 = v.fma(w0, a1);
      b1 = v.fma(w1, b1);
      c1 = v.fma(w2, c1);
      d1 = v.fma(w3, d1);
      v = FloatVector.broadcast(F, x[x2 + k]);
      a2 = v.fma(w0, a2);
      b2 = v.fma(w1, b2);
      c2 = v.fma(w2, c2);
      d2 = v.fma(w3, d2);
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, s0);
    FLOAT_VECTOR.cast(b0).intoArray(sums, s0 + L);
    FLOAT_VECTOR.cast(c0).intoArray(sums, s0 + 2 * L);
    FLOAT_VECTOR.cast(d0).intoArray(sums, s0 + 3 * L);
    FLOAT_VECTOR.cast(a1).intoArray(sums, s1);
    FLOAT_VECTOR.cast(b1).intoArray(sums, s1 + L);
    FLOAT_VECTOR.cast(c1).intoArray(sums, s1 + 2 * L);
    FLOAT_VECTOR.cast(d1).intoArray(sums, s1 + 3 * L);
    FLOAT_VECTOR.cast(a2).intoArray(sums, s2);
    FLOAT_VECTOR.cast(b2).intoArray(sums, s2 + L);
    FLOAT_VECTOR.cast(c2).intoArray(sums, s2 + 2 * L);
    FLOAT_VECTOR.cast(d2).intoArray(sums, s2 + 3 * L);
  }

  /** Four rows, one panel. */
  private static void fourRows(
      float[] tile,
      int t0,
      float[] x,
      int x0,
      int xStep,
      int count,
      float[] sums,
      int s0,
      int sumStep) {
    int s1 = s0 + sumStep;
    int s2 = s1 + sumStep;
    int s3 = s2 + sumStep;
    int x1 = x0 + xStep;
    int x2 = x1 + xStep;
    int x3 = x2 + xStep;
    FloatVector a0 = FloatVector.fromArray(F, sums, s0);
    FloatVector b0 = FloatVector.fromArray(F, sums, s0 + L);
    FloatVector a1 = FloatVector.fromArray(F, sums, s1);
    FloatVector b1 = FloatVector.fromArray(F, sums, s1 + L);
    FloatVector a2 = FloatVector.fromArray(F, sums, s2);
    FloatVector b2 = FloatVector.fromArray(F, sums, s2 + L);
    FloatVector a3 = FloatVector.fromArray(F, sums, s3);
    FloatVector b3 = FloatVector.fromArray(F, sums, s3 + L);
    for (int k = 0; k < count; k++) {
      FloatVector w0 = FloatVector.fromArray(F, tile, t0 + k * W);
      FloatVector w1 = FloatVector.fromArray(F, tile, t0 + k * W + L);
      FloatVector v = FloatVector.broadcast(F, x[x0 + k]);
      a0 = v.fma(w0, a0);
      b0 = v.fma(w1, b0);
      v = FloatVector.broadcast(F, x[x1 + k]);
      a1 = v.fma(w0, a1);
      b1 = v.fma(w1, b1);
      v = FloatVector.broadcast(F, x[x2 + k]);
      a2 = v.fma(w0, a2);
      b2 = v.fma(w1, b2);
      v = FloatVector.broadcast(F, x[x3 + k]);
      a3 = v.fma(w0, a3);
      b3 = v.fma(w1, b3);
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, s0);
    FLOAT_VECTOR.cast(b0).intoArray(sums, s0 + L);
    FLOAT_VECTOR.cast(a1).intoArray(sums, s1);
    FLOAT_VECTOR.cast(b1).intoArray(sums, s1 + L);
    FLOAT_VECTOR.cast(a2).intoArray(sums, s2);
    FLOAT_VECTOR.cast(b2).intoArray(sums, s2 + L);
    FLOAT_VECTOR.cast(a3).intoArray(sums, s3);
    FLOAT_VECTOR.cast(b3).intoArray(sums, s3 + L);
  }

  /**
   * Twelve rows, one panel, for 32 registers. Inputs lie {@link #STEP} apart, which the compiler
   * puts into their addresses: it would else keep twelve of them, more than there are registers.
   */
  private static void twelveRows(
      float[] tile, int t0, float[] x, int x0, int count, float[] sums, int s0, int sumStep) {
    int s1 = s0 + sumStep;
    int s2 = s1 + sumStep;
    int s3 = s2 + sumStep;
    int s4 = s3 + sumStep;
    int s5 = s4 + sumStep;
    int s6 = s5 + sumStep;
    int s7 = s6 + sumStep;
    int s8 = s7 + sumStep;
    int s9 = s8 + sumStep;
    int s10 = s9 + sumStep;
    int s11 = s10 + sumStep;
    FloatVector a0 = FloatVector.fromArray(F, sums, s0);
    FloatVector b0 = FloatVector.fromArray(F, sums, s0 + L);
    FloatVector a1 = FloatVector.fromArray(F, sums, s1);
    FloatVector b1 = FloatVector.fromArray(F, sums, s1 + L);
    FloatVector a2 = FloatVector.fromArray(F, sums, s2);
    FloatVector b2 = FloatVector.fromArray(F, sums, s2 + L);
    FloatVector a3 = FloatVector.fromArray(F, sums, s3);
    FloatVector b3 = FloatVector.fromArray(F, sums, s3 + L);
    FloatVector a4 = FloatVector.fromArray(F, sums, s4);
    FloatVector b4 = FloatVector.fromArray(F, sums, s4 + L);
    FloatVector a5 = FloatVector.fromArray(F, sums, s5);
    FloatVector b5 = FloatVector.fromArray(F, sums, s5 + L);
    FloatVector a6 = FloatVector.fromArray(F, sums, s6);
    FloatVector b6 = FloatVector.fromArray(F, sums, s6 + L);
    FloatVector a7 = FloatVector.fromArray(F, sums, s7);
    FloatVector b7 = FloatVector.fromArray(F, sums, s7 + L);
    FloatVector a8 = FloatVector.fromArray(F, sums, s8);
    FloatVector b8 = FloatVector.fromArray(F, sums, s8 + L);
    FloatVector a9 = FloatVector.fromArray(F, sums, s9);
    FloatVector b9 = FloatVector.fromArray(F, sums, s9 + L);
    FloatVector a10 = FloatVector.fromArray(F, sums, s10);
    FloatVector b10 = FloatVector.fromArray(F, sums, s10 + L);
    FloatVector a11 = FloatVector.fromArray(F, sums, s11);
    FloatVector b11 = FloatVector.fromArray(F, sums, s11 + L);
    for (int k = 0; k < count; k++) {
      FloatVector w0 = FloatVector.fromArray(F, tile, t0 + k * W);
      FloatVector w1 = FloatVector.fromArray(F, tile, t0 + k * W + L);
      FloatVector v = FloatVector.broadcast(F, x[x0 + k]);
      a0 = v.fma(w0, a0);
      b0 = v.fma(w1, b0);
      v = FloatVector.broadcast(F, x[x0 + k + STEP]);
      a1 = v.fma(w0, a1);
      b1 = v.fma(w1, b1);
      v = FloatVector.broadcast(F, x[x0 + k + 2 * STEP]);
      a2 = v.fma(w0, a2);
      b2 = v.fma(w1, b2);
      v = FloatVector.broadcast(F, x[x0 + k + 3 * STEP]);
      a3 = v.fma(w0, a3);
      b3 = v.fma(w1, b3);
      v = FloatVector.broadcast(F, x[x0 + k + 4 * STEP]);
      a4 = v.fma(w0, a4);
      b4 = v.fma(w1, b4);
      v = FloatVector.broadcast(F, x[x0 + k + 5 * STEP]);
      a5 = v.fma(w0, a5);
      b5 = v.fma(w1, b5);
      v = FloatVector.broadcast(F, x[x0 + k + 6 * STEP]);
      a6 = v.fma(w0, a6);
      b6 = v.fma(w1, b6);
      v = FloatVector.broadcast(F, x[x0 + k + 7 * STEP]);
      a7 = v.fma(w0, a7);
      b7 = v.fma(w1, b7);
      v = FloatVector.broadcast(F, x[x0 + k + 8 * STEP]);
      a8 = v.fma(w0, a8);
      b8 = v.fma(w1, b8);
      v = FloatVector.broadcast(F, x[x0 + k + 9 * STEP]);
      a9 = v.fma(w0, a9);
      b9 = v.fma(w1, b9);
      v = FloatVector.broadcast(F, x[x0 + k + 10 * STEP]);
      a10 = v.fma(w0, a10);
      b10 = v.fma(w1, b10);
      v = FloatVector.broadcast(F, x[x0 + k + 11 * STEP]);
      a11 = v.fma(w0, a11);
      b11 = v.fma(w1, b11);
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, s0);
    FLOAT_VECTOR.cast(b0).intoArray(sums, s0 + L);
    FLOAT_VECTOR.cast(a1).intoArray(sums, s1);
    FLOAT_VECTOR.cast(b1).intoArray(sums, s1 + L);
    FLOAT_VECTOR.cast(a2).intoArray(sums, s2);
    FLOAT_VECTOR.cast(b2).intoArray(sums, s2 + L);
    FLOAT_VECTOR.cast(a3).intoArray(sums, s3);
    FLOAT_VECTOR.cast(b3).intoArray(sums, s3 + L);
    FLOAT_VECTOR.cast(a4).intoArray(sums, s4);
    FLOAT_VECTOR.cast(b4).intoArray(sums, s4 + L);
    FLOAT_VECTOR.cast(a5).intoArray(sums, s5);
    FLOAT_VECTOR.cast(b5).intoArray(sums, s5 + L);
    FLOAT_VECTOR.cast(a6).intoArray(sums, s6);
    FLOAT_VECTOR.cast(b6).intoArray(sums, s6 + L);
    FLOAT_VECTOR.cast(a7).intoArray(sums, s7);
    FLOAT_VECTOR.cast(b7).intoArray(sums, s7 + L);
    FLOAT_VECTOR.cast(a8).intoArray(sums, s8);
    FLOAT_VECTOR.cast(b8).intoArray(sums, s8 + L);
    FLOAT_VECTOR.cast(a9).intoArray(sums, s9);
    FLOAT_VECTOR.cast(b9).intoArray(sums, s9 + L);
    FLOAT_VECTOR.cast(a10).intoArray(sums, s10);
    FLOAT_VECTOR.cast(b10).intoArray(sums, s10 + L);
    FLOAT_VECTOR.cast(a11).intoArray(sums, s11);
    FLOAT_VECTOR.cast(b11).intoArray(sums, s11 + L);
  }

  /** Six rows, one panel. */
  private static void sixRows(
      float[] tile,
      int t0,
      float[] x,
      int x0,
      int xStep,
      int count,
      float[] sums,
      int s0,
      int sumStep) {
    int s1 = s0 + sumStep;
    int s2 = s1 + sumStep;
    int s3 = s2 + sumStep;
    int s4 = s3 + sumStep;
    int s5 = s4 + sumStep;
    int x1 = x0 + xStep;
    int x2 = x1 + xStep;
    int x3 = x2 + xStep;
    int x4 = x3 + xStep;
    int x5 = x4 + xStep;
    FloatVector a0 = FloatVector.fromArray(F, sums, s0);
    FloatVector b0 = FloatVector.fromArray(F, sums, s0 + L);
    FloatVector a1 = FloatVector.fromArray(F, sums, s1);
    FloatVector b1 = FloatVector.fromArray(F, sums, s1 + L);
    FloatVector a2 = FloatVector.fromArray(F, sums, s2);
    FloatVector b2 = FloatVector.fromArray(F, sums, s2 + L);
    FloatVector a3 = FloatVector.fromArray(F, sums, s3);
    FloatVector b3 = FloatVector.fromArray(F, sums, s3 + L);
    FloatVector a4 = FloatVector.fromArray(F, sums, s4);
    FloatVector b4 = FloatVector.fromArray(F, sums, s4 + L);
    FloatVector a5 = FloatVector.fromArray(F, sums, s5);
    FloatVector b5 = FloatVector.fromArray(F, sums, s5 + L);
    for (int k = 0; k < count; k++) {
      FloatVector w0 = FloatVector.fromArray(F, tile, t0 + k * W);
      FloatVector w1 = FloatVector.fromArray(F, tile, t0 + k * W + L);
      FloatVector v = FloatVector.broadcast(F, x[x0 + k]);
      a0 = v.fma(w0, a0);
      b0 = v.fma(w1, b0);
      v = FloatVector.broadcast(F, x[x1 + k]);
      a1 = v.fma(w0, a1);
      b1 = v.fma(w1, b1);
      v = FloatVector.broadcast(F, x[x2 + k]);
      a2 = v.fma(w0, a2);
      b2 = v.fma(w1, b2);
      v = FloatVector.broadcast(F, x[x3 + k]);
      a3 = v.fma(w0, a3);
      b3 = v.fma(w1, b3);
      v = FloatVector.broadcast(F, x[x4 + k]);
      a4 = v.fma(w0, a4);
      b4 = v.fma(w1, b4);
      v = FloatVector.broadcast(F, x[x5 + k]);
      a5 = v.fma(w0, a5);
      b5 = v.fma(w1, b5);
    }
    FLOAT_VECTOR.cast(a0).intoArray(sums, s0);
    FLOAT_VECTOR.cast(b0).intoArray(sums, s0 + L);
    FLOAT_VECTOR.cast(a1).intoArray(sums, s1);
    FLOAT_VECTOR.cast(b1).intoArray(sums, s1 + L);
    FLOAT_VECTOR.cast(a2).intoArray(sums, s2);
    FLOAT_VECTOR.cast(b2).intoArray(sums, s2 + L);
    FLOAT_VECTOR.cast(a3).intoArray(sums, s3);
    FLOAT_VECTOR.cast(b3).intoArray(sums, s3 + L);
    FLOAT_VECTOR.cast(a4).intoArray(sums, s4);
    FLOAT_VECTOR.cast(b4).intoArray(sums, s4 + L);
    FLOAT_VECTOR.cast(a5).intoArray(sums, s5);
    FLOAT_VECTOR.cast(b5).intoArray(sums, s5 + L);
  }
}
