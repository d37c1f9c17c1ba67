package dev.serval.models.cpu.linear;

import dev.serval.api.compute.HeadMaps;
import dev.serval.api.compute.Weight;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Maps each head of rows by itself. As many heads at a time as there is room for are shared out
 * together: of few rows each has so little to do that threads would else wait for each other most
 * of the time.
 */
public final class HeadMapping {
  /** Inputs of so many rows of heads are kept at a time. */
  private static final int TOGETHER = 4096;

  private final WorkCrew crew;
  private final Function<Weight, PackedMatrix> matrices;
  private final HeadKeepingWork keeping;
  private final LinearGroup group = new LinearGroup();

  /**
   * Mapping by one backend.
   *
   * @param matrices gives the matrix of a weight, which it refuses if the backend has not made it
   */
  public HeadMapping(WorkCrew crew, Prefetch prefetch, Function<Weight, PackedMatrix> matrices) {
    this.crew = crew;
    this.matrices = matrices;
    keeping = new HeadKeepingWork(prefetch);
  }

  /** Maps so many rows. */
  public void map(
      int rows,
      CpuActivations in,
      HeadMaps maps,
      @Nullable CpuActivations behind,
      CpuActivations out) {
    int together = Math.clamp(TOGETHER / Math.max(1, rows), 1, maps.heads());
    for (int first = 0; first < maps.heads(); first += together) {
      multiply(rows, in, maps, first, Math.min(first + together, maps.heads()), out);
    }
    if (maps.kept() > 0 || behind != null) {
      keeping.of(in, maps, behind, out).run(rows, out.columns(), crew);
    }
  }

  private void multiply(
      int rows, CpuActivations in, HeadMaps maps, int first, int end, CpuActivations out) {
    group.begin(end - first, (end - first) * rows);
    for (int head = first; head < end; head++) {
      PackedMatrix matrix = matrices.apply(maps.maps().get(head));
      group
          .next()
          .of(matrix, in, out, rows)
          .columns(head * maps.inputStep(), head * maps.outputStep());
      group.take(crew);
    }
    crew.run(group);
  }
}
