package dev.serval.models.cpu;

import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;
import java.util.List;

/**
 * A layer of experts.
 *
 * @param owner the backend that made it
 * @param spec its weights and rules
 * @param router gives the scores
 * @param gateUps the first map of each
 * @param downs the last map of each
 * @param room shared with layers of the same sizes
 */
record CpuExperts(
    CpuBackend owner,
    ExpertSpec spec,
    PackedMatrix router,
    List<PackedMatrix> gateUps,
    List<PackedMatrix> downs,
    ExpertRoom room)
    implements ExpertLayer {

  @Override
  public int maxRows() {
    return room.scores().maxRows();
  }
}
