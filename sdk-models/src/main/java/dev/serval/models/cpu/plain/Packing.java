package dev.serval.models.cpu.plain;

import dev.serval.models.cpu.block.EvenBlocks;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.crew.WorkCrew;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Rearranges a matrix from rows to panels; a part is a panel. Runs once for each weight. */
final class Packing implements WorkCrew.Work {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int BLOCK = 16;

  private final StoredRows stored;
  private final PanelShape shape;
  private final MemorySegment data;
  private final long rowBytes;

  Packing(StoredRows stored, PanelShape shape, MemorySegment data) {
    this.stored = stored;
    this.shape = shape;
    this.data = data;
    rowBytes = stored.rowBytes();
  }

  @Override
  public int parts() {
    return shape.panels();
  }

  @Override
  public long operations() {
    return (long) shape.rows() * shape.units();
  }

  @Override
  public void part(int panel, int worker) {
    int lanes = shape.lanes(panel);
    MemorySegment[] rows = new MemorySegment[BLOCK];
    for (int lane = 0; lane < lanes; lane += BLOCK) {
      int count = Math.min(BLOCK, lanes - lane);
      for (int i = 0; i < count; i++) {
        rows[i] = EvenBlocks.row(stored, panel * shape.width() + lane + i);
      }
      transpose(rows, count, shape.at(panel) + (long) lane * shape.unitBytes(), lanes);
    }
  }

  private void transpose(MemorySegment[] rows, int count, long at, int lanes) {
    long step = (long) lanes * shape.unitBytes();
    if (shape.unitBytes() == Short.BYTES) {
      transposeShorts(rows, count, at, step);
      return;
    }
    int whole = (int) (rowBytes / Integer.BYTES);
    for (int unit = 0; unit < whole; unit++) {
      for (int i = 0; i < count; i++) {
        int word = rows[i].get(INT, (long) unit * Integer.BYTES);
        data.set(ValueLayout.JAVA_INT, at + unit * step + (long) i * Integer.BYTES, word);
      }
    }
    if (whole < shape.units()) {
      halfUnit(rows, count, at + whole * step);
    }
  }

  private void transposeShorts(MemorySegment[] rows, int count, long at, long step) {
    for (int unit = 0; unit < shape.units(); unit++) {
      for (int i = 0; i < count; i++) {
        short half = rows[i].get(SHORT, (long) unit * Short.BYTES);
        data.set(ValueLayout.JAVA_SHORT, at + unit * step + (long) i * Short.BYTES, half);
      }
    }
  }

  /** An odd number of columns leaves a pair whose second element is 0. */
  private void halfUnit(MemorySegment[] rows, int count, long at) {
    for (int i = 0; i < count; i++) {
      short half = rows[i].get(SHORT, rowBytes - Short.BYTES);
      data.set(ValueLayout.JAVA_INT, at + (long) i * Integer.BYTES, half & 0xFFFF);
    }
  }
}
