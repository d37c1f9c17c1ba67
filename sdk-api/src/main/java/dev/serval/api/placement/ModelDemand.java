package dev.serval.api.placement;

import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DevicePreference;
import java.util.function.Function;

/**
 * What a model asks of a device.
 *
 * @param model the served name
 * @param weights what its weights take once they are loaded, which is not the same on every device;
 *     asked for candidates alone
 * @param kv the KV cache it is to have
 * @param preference what the host application wishes
 */
public record ModelDemand(
    String model, Function<Device, Bytes> weights, Bytes kv, DevicePreference preference) {
  /**
   * What its weights take.
   *
   * @param device a candidate
   * @return their size once they are loaded there
   */
  public Bytes weightsOn(Device device) {
    return weights.apply(device);
  }

  /**
   * The memory it takes in all.
   *
   * @param device a candidate
   * @return weights and KV
   */
  public Bytes totalOn(Device device) {
    return weightsOn(device).plus(kv);
  }
}
