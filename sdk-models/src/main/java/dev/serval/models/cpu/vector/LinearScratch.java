package dev.serval.models.cpu.vector;

import dev.serval.models.cpu.LinearWork;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** What one worker needs to multiply: inputs and weights of a stretch of columns, and sums. */
final class LinearScratch {
  /** The most columns of a stretch. */
  static final int STRETCH = 256;

  /** The most rows of a part. */
  static final int ROWS = 132;

  /** The most panels of a part. */
  static final int PANELS = 16;

  /** Floats from one row of inputs to the next: not a power of two, which would fill few sets. */
  static final int INPUT_STEP = STRETCH + 16;

  /** The most columns whose inputs are all held, for one row. */
  static final int MOST_INPUTS = ROWS * INPUT_STEP;

  /** Floats from one row of sums to the next: kernels may work on a few panels too many. */
  static final int SUM_STEP = (PANELS + TileProducts.MOST_PANELS - 1) * Lanes.WIDTH;

  final float[] inputs = new float[(ROWS + TileProducts.SPARE_ROWS) * INPUT_STEP];
  final float[] sums = new float[(ROWS + TileProducts.SPARE_ROWS) * SUM_STEP];

  /** Weights as F32: for each panel in turn, for each column its lanes. */
  final float[] tile = new float[(STRETCH + 4) * Lanes.WIDTH];

  /** The scales of two panels, block after block, for one row. */
  final float[] rowScales = new float[MOST_INPUTS / 32 * 2 * Lanes.WIDTH];

  final BlockScales scales = new BlockScales();

  void clearSums(int rows) {
    Arrays.fill(sums, 0, (rows + TileProducts.SPARE_ROWS) * SUM_STEP, 0);
  }

  void readInputs(LinearWork product, int from, int to, int firstColumn, int count) {
    for (int row = from; row < to; row++) {
      MemorySegment.copy(
          product.in().data(),
          ValueLayout.JAVA_FLOAT,
          (product.source(row) + firstColumn) * Float.BYTES,
          inputs,
          (row - from) * INPUT_STEP,
          count);
    }
  }

  /** Adds the products of the unpacked panels, of so many columns, for so many rows. */
  void addTile(int sumAt, int rows, int count) {
    TileProducts.add(tile, 0, inputs, INPUT_STEP, count, sums, sumAt, SUM_STEP, rows, 1);
  }
}
