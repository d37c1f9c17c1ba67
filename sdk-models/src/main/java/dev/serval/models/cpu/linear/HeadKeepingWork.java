package dev.serval.models.cpu.linear;

import dev.serval.api.compute.HeadMaps;
import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Takes over what maps of heads leave as it is. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class HeadKeepingWork extends InputWork {
  private HeadMaps maps;
  private CpuActivations out;
  private @Nullable CpuActivations behind;

  HeadKeepingWork(Prefetch prefetch) {
    super(prefetch);
  }

  HeadKeepingWork of(
      CpuActivations rows, HeadMaps each, @Nullable CpuActivations rest, CpuActivations output) {
    in = rows;
    maps = each;
    behind = rest;
    out = output;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    long from = in.row(row) + maps.inputStep() - maps.kept();
    long to = out.row(row) + maps.outputStep() - maps.kept();
    for (int head = 0; head < maps.heads() && maps.kept() > 0; head++) {
      copy(in, from, to, maps.kept());
      from += maps.inputStep();
      to += maps.outputStep();
    }
    if (behind != null) {
      int columns = behind.columns();
      copy(behind, behind.row(row), out.row(row) + out.columns() - columns, columns);
    }
  }

  private void copy(CpuActivations source, long from, long to, int count) {
    MemorySegment.copy(
        source.data(),
        from * Float.BYTES,
        out.data(),
        to * Float.BYTES,
        count * (long) Float.BYTES);
  }
}
