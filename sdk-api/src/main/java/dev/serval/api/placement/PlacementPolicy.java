package dev.serval.api.placement;

import dev.serval.api.device.Device;
import java.util.List;

/**
 * Chooses the device for a model. A pure function, asked once for each model while a runtime is
 * assembled, in the order of the models.
 */
@FunctionalInterface
public interface PlacementPolicy {
  /**
   * Chooses a device.
   *
   * @param demand what the model asks
   * @param candidates the devices that a compute backend can run on, with the memory that earlier
   *     models left free; possibly none
   * @return the choice
   * @throws PlacementException when no candidate will do, naming what was asked and what there is
   */
  Placement place(ModelDemand demand, List<Device> candidates);
}
