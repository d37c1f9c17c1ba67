package dev.serval.models.cpu.vector;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.crew.WorkCrew;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Rearranges a matrix from rows to panels; a part is a panel. Runs once for each weight. */
final class PanelPacking implements WorkCrew.Work {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final StoredRows stored;
  private final PanelLayout layout;
  private final MemorySegment data;
  private final long rowBytes;

  PanelPacking(StoredRows stored, PanelLayout layout, MemorySegment data) {
    this.stored = stored;
    this.layout = layout;
    this.data = data;
    rowBytes = stored.rowBytes();
  }

  @Override
  public int parts() {
    return layout.panels();
  }

  @Override
  public long operations() {
    return (long) layout.rows() * layout.units();
  }

  @Override
  public void part(int panel, int worker) {
    for (int lane = 0; lane < layout.lanes(panel); lane++) {
      lane(stored.row(panel * Lanes.WIDTH + lane), layout.at(panel), lane);
    }
    if (layout.unitBytes() == Byte.BYTES && layout.dtype() != DType.Q8_0) {
      for (int lane = 0; lane < layout.lanes(panel); lane++) {
        blocks(stored.row(panel * Lanes.WIDTH + lane), layout.at(panel), lane, true);
      }
    }
  }

  private void lane(MemorySegment row, long panel, int lane) {
    long at = panel + (long) lane * layout.unitBytes();
    switch (layout.unitBytes()) {
      case Integer.BYTES -> ints(row, at);
      case Short.BYTES -> shorts(row, at);
      default -> octets(row, panel, lane);
    }
  }

  private void ints(MemorySegment row, long to) {
    int whole = (int) (rowBytes / Integer.BYTES);
    long step = (long) Lanes.WIDTH * Integer.BYTES;
    for (int unit = 0; unit < whole; unit++) {
      data.set(ValueLayout.JAVA_INT, to + unit * step, row.get(INT, (long) unit * Integer.BYTES));
    }
    if (whole < layout.units()) {
      int half = row.get(SHORT, rowBytes - Short.BYTES) & 0xFFFF;
      data.set(ValueLayout.JAVA_INT, to + whole * step, half);
    }
  }

  private void shorts(MemorySegment row, long to) {
    long step = (long) Lanes.WIDTH * Short.BYTES;
    for (int unit = 0; unit < layout.units(); unit++) {
      data.set(ValueLayout.JAVA_SHORT, to + unit * step, row.get(SHORT, (long) unit * Short.BYTES));
    }
  }

  private void octets(MemorySegment row, long panel, int lane) {
    if (layout.dtype() == DType.Q8_0) {
      scaledBlocks(row, panel, lane);
    } else {
      blocks(row, panel, lane, false);
    }
  }

  private void blocks(MemorySegment row, long panel, int lane, boolean halves) {
    DType dtype = layout.dtype();
    BlockOctets octets = BlockOctets.of(dtype);
    for (long from = 0; from < rowBytes; from += dtype.blockBytes()) {
      if (halves) {
        octets.packHalves(dtype, row, from, data, panel + from * Lanes.WIDTH, lane);
      } else {
        octets.pack(dtype, row, from, 0, data, panel + from * Lanes.WIDTH, lane);
      }
    }
  }

  private void scaledBlocks(MemorySegment row, long panel, int lane) {
    for (long from = 0; from < rowBytes; from += DType.Q8_0.blockBytes()) {
      long at = panel + from * Lanes.WIDTH;
      BlockOctets.PLAIN.pack(DType.Q8_0, row, from, Short.BYTES, data, at, lane);
      BlockOctets.packHalf(row, from, data, at + OctetUnpacking.SCALES, lane);
    }
  }
}
