package dev.serval.api.placement;

import dev.serval.api.Bytes;
import dev.serval.api.device.DevicePreference;

/**
 * What a model asks of a device.
 *
 * @param model the served name
 * @param weights the size of its weights as stored
 * @param kv the KV cache it is to have
 * @param preference what the host application wishes
 */
public record ModelDemand(String model, Bytes weights, Bytes kv, DevicePreference preference) {
  /**
   * The memory it takes in all.
   *
   * @return weights and KV
   */
  public Bytes total() {
    return weights.plus(kv);
  }
}
