package dev.serval.models.cpu.vector;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.LinearWork;
import dev.serval.models.cpu.linear.PackedMatrix;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** A matrix of Q4_0 multiplied by the Vector API. */
final class NibbleMatrix implements PackedMatrix {
  /*
   * The Vector API has no dot product of bytes, but it multiplies twice as many shorts as floats. An
   * input rounded to 8 bits times a nibble, less 8, is at most 8 · 127, and 32 of them, a block, stay
   * within 16 bits: so a block's products are added up as shorts, exactly and in any order. What
   * overflows on the way comes back, since sums are right modulo 2^16. So sums start with −8 times the
   * sum of the inputs, and nibbles are multiplied as they are; and an octet o, the nibbles a + 16 b of
   * two columns with the inputs x and y, is never taken apart: a x + b y = o x + b (y − 16 x), and b is
   * o shifted. Weights do not leave the registers, however few or many the rows. Two panels are
   * multiplied together by four rows, because spreading an input over a vector takes as long as
   * multiplying by it.
   *
   * Behind a block the sum becomes a float, is multiplied by the product of both scales and added to the
   * output in one rounding, block after block: as generated code does, and with the same bits. Two
   * shorts are the halves of a 32-bit lane; shifts part them, and the layout has rows L apart there.
   */
  /** The most rows of a part. */
  private static final int ROWS = 64;

  private static final int SUM_STEP = LinearScratch.SUM_STEP;

  private final NibbleLayout layout;
  private final MemorySegment data;
  private final NibbleInputs inputs;
  private final List<LinearScratch> scratch;

  /**
   * A matrix.
   *
   * @param layout how it lies
   * @param data where
   * @param inputs what it shares with others
   * @param scratch what each worker needs, shared too
   */
  NibbleMatrix(
      NibbleLayout layout, MemorySegment data, NibbleInputs inputs, List<LinearScratch> scratch) {
    this.layout = layout;
    this.data = data;
    this.inputs = inputs;
    this.scratch = scratch;
  }

  @Override
  public int rows() {
    return layout.rows();
  }

  @Override
  public int columns() {
    return layout.columns();
  }

  @Override
  public DType dtype() {
    return DType.Q4_0;
  }

  @Override
  public int parts(int rows) {
    return runs() * Math.ceilDiv(rows, ROWS);
  }

  private int runs() {
    return PanelRuns.count(layout.panels(), LinearScratch.PANELS, scratch.size());
  }

  @Override
  public void prepare(LinearWork product, WorkCrew crew) {
    inputs.take(product, columns(), crew);
  }

  @Override
  public void multiply(LinearWork product, int part, int worker) {
    int runs = runs();
    int firstPanel = PanelRuns.first(layout.panels(), runs, part % runs);
    int endPanel = PanelRuns.first(layout.panels(), runs, part % runs + 1);
    int from = part / runs * ROWS;
    int to = Math.min(from + ROWS, product.rows());
    LinearScratch own = scratch.get(worker);
    for (int panel = firstPanel; panel < endPanel; panel += NibbleProducts.MOST_PANELS) {
      int panels = Math.min(NibbleProducts.MOST_PANELS, endPanel - panel);
      for (int row = from; row < to; row += NibbleInputs.GROUP) {
        int sumAt = (row - from) * SUM_STEP + (panel - firstPanel) * Lanes.WIDTH;
        int group = row / NibbleInputs.GROUP;
        NibbleProducts.multiply(
            data, layout.at(panel), panels, inputs, product, group, own.sums, sumAt);
      }
    }
    int first = firstPanel * Lanes.WIDTH;
    int count = Math.min(endPanel * Lanes.WIDTH, rows()) - first;
    for (int row = from; row < to; row++) {
      product.store(row, layout.firstRow() + first, own.sums, (row - from) * SUM_STEP, count);
    }
  }

  @Override
  public void expandRow(int row, CpuActivations out, long at, int worker) {
    int lane = row % Lanes.WIDTH;
    for (int column = 0; column < columns(); column += 2) {
      int block = column / NibbleLayout.BLOCK;
      long from = layout.at(row / Lanes.WIDTH) + (long) block * NibbleLayout.BLOCK_BYTES;
      long half = from + NibbleLayout.SCALES + (long) lane * Short.BYTES;
      float scale = Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT, half));
      long pair = column % NibbleLayout.BLOCK / 2;
      long octet = from + pair * Lanes.WIDTH + NibbleLayout.octet(lane);
      int both = data.get(ValueLayout.JAVA_BYTE, octet);
      out.set(at + column, ((both & 0xF) - 8) * scale);
      out.set(at + column + 1, ((both >> 4 & 0xF) - 8) * scale);
    }
  }
}
