package dev.serval.models.cpu.expert;

import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.models.cpu.linear.CpuWeight;
import dev.serval.models.cpu.linear.PackedMatrix;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A layer of experts.
 *
 * @param owner the backend that made it
 * @param spec its weights and rules
 * @param router gives what scores are made of
 * @param selectionBias what is added to them where experts are chosen, or null
 * @param scales by what each expert counts besides, or null
 * @param gateUps the first map of each
 * @param downs the last map of each
 * @param room shared with layers of the same sizes
 */
public record CpuExperts(
    ComputeBackend owner,
    ExpertSpec spec,
    Linear router,
    CpuWeight.@Nullable Vector selectionBias,
    CpuWeight.@Nullable Vector scales,
    List<Linear> gateUps,
    List<Linear> downs,
    ExpertRoom room)
    implements ExpertLayer {

  /**
   * One map.
   *
   * @param matrix what rows are multiplied by
   * @param bias what is added to them, or null
   */
  public record Linear(PackedMatrix matrix, CpuWeight.@Nullable Vector bias) {}

  @Override
  public int maxRows() {
    return room.routed().maxRows();
  }
}
