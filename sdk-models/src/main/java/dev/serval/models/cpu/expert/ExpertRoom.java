package dev.serval.models.cpu.expert;

import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.RouterSpec;
import dev.serval.models.cpu.memory.CpuActivations;
import org.jspecify.annotations.Nullable;

/**
 * What layers of experts have between their maps. Some rows are taken at a time, of one expert or
 * of several.
 *
 * @param routing which rows go to which expert
 * @param routed of each row the products of its router, by which they do
 * @param gateUp gates and ups of some rows, or ups alone, expert by expert
 * @param gated what the function makes of them
 * @param given what is made of them
 */
public record ExpertRoom(
    ExpertRouting routing,
    CpuActivations routed,
    CpuActivations gateUp,
    CpuActivations gated,
    CpuActivations given) {
  private static final int MOST_ROWS = 256;

  /**
   * What decides how large it is.
   *
   * @param maxRows the most rows of a step
   * @param experts how many experts there are
   * @param groups of which a row's experts are in a few, or null
   * @param used how many of them a row goes to
   * @param width how wide rows are
   * @param inner how wide experts are within
   * @param gateUps how many gates and ups that takes
   */
  public record Sizes(
      int maxRows,
      int experts,
      RouterSpec.@Nullable Groups groups,
      int used,
      int width,
      int inner,
      int gateUps) {
    public Sizes(ExpertSpec spec, int maxRows) {
      this(
          maxRows,
          spec.count(),
          spec.router().groups(),
          spec.router().used(),
          spec.width(),
          spec.inner(),
          spec.function().inputs(spec.inner()));
    }

    public ExpertRoom room(Buffers buffers) {
      int together = Math.min(Math.multiplyExact(maxRows, used), MOST_ROWS);
      return new ExpertRoom(
          new ExpertRouting(maxRows, experts, groups, used),
          buffers.of(maxRows, experts),
          buffers.of(together, gateUps),
          buffers.of(together, inner),
          buffers.of(together, width));
    }
  }

  /** Makes buffers. */
  public interface Buffers {
    /** A buffer of so many rows and columns. */
    CpuActivations of(int rows, int columns);
  }

  /** How many rows are taken at a time. */
  int together() {
    return given.maxRows();
  }
}
