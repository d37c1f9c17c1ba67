package dev.serval.models.cpu.plain;

import dev.serval.models.cpu.block.BlockFormat;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/** What one worker needs to multiply with panels: a few columns as F32, and a sum for each lane. */
final class PanelScratch {
  /** The most rows of a part. */
  static final int ROWS = 32;

  /** Columns of a tile: those of a block that have scales in common. */
  static final int TILE = BlockFormat.SCALED;

  /** Columns added up before they are added to a sum. */
  static final int GROUP = 4;

  private final float[][] tile = new float[TILE][PanelShape.MAX_LANES];
  private final List<MemorySegment> tileBits =
      Arrays.stream(tile).map(MemorySegment::ofArray).toList();
  private final float[][] sums = new float[ROWS][PanelShape.MAX_LANES];

  private final float[] factors = new float[PanelShape.MAX_LANES];
  private final float[] offsets = new float[PanelShape.MAX_LANES];

  /** What each lane's elements are multiplied by while a tile is widened. */
  float[] factors() {
    return factors;
  }

  /** What is added to each lane's elements then. */
  float[] offsets() {
    return offsets;
  }

  float[] column(int column) {
    return tile[column];
  }

  /** The same column, whose elements can be written as their bits. */
  MemorySegment columnBits(int column) {
    return tileBits.get(column);
  }

  float[] sums(int row) {
    return sums[row];
  }

  void clearSums(int rows, int lanes) {
    for (int row = 0; row < rows; row++) {
      Arrays.fill(sums[row], 0, lanes, 0);
    }
  }

  /** Columns behind the matrix's last count as 0. */
  void clearColumns(int from, int lanes) {
    for (int column = from; column % GROUP != 0; column++) {
      Arrays.fill(tile[column], 0, lanes, 0);
    }
  }

  /** Adds up to four columns, each times its input, to a row's sums. */
  void addGroup(int group, CpuActivations in, long at, int count, int row, int lanes) {
    int first = group * GROUP;
    addGroup(
        sums[row],
        tile[first],
        tile[first + 1],
        tile[first + 2],
        tile[first + 3],
        in.at(at),
        count > 1 ? in.at(at + 1) : 0,
        count > 2 ? in.at(at + 2) : 0,
        count > 3 ? in.at(at + 3) : 0,
        lanes);
  }

  private static void addGroup(
      float[] sums,
      float[] c0,
      float[] c1,
      float[] c2,
      float[] c3,
      float x0,
      float x1,
      float x2,
      float x3,
      int lanes) {
    for (int i = 0; i < lanes; i++) {
      sums[i] += (x0 * c0[i] + x1 * c1[i]) + (x2 * c2[i] + x3 * c3[i]);
    }
  }
}
