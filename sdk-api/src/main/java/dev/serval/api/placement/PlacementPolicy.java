package dev.serval.api.placement;

import dev.serval.api.device.Device;
import java.util.List;

/**
 * Chooses the device for a model. A pure function, asked for each model on the thread that builds a
 * runtime, in the order of the models, and again whenever a device failed to load the model or was
 * lost with it, then on a thread of the runtime's; never twice at once.
 */
@FunctionalInterface
public interface PlacementPolicy {
  /**
   * Chooses a device.
   *
   * @param demand what the model asks
   * @param candidates the devices that a compute backend can run on and that nothing is known
   *     against, with the memory that other models left free; possibly none
   * @return the choice
   * @throws PlacementException when no candidate will do, naming what was asked and what there is
   */
  Placement place(ModelDemand demand, List<Device> candidates);
}
