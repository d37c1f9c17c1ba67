package dev.serval.scheduling;

import static dev.serval.api.device.DeviceKind.CPU;
import static dev.serval.api.device.DeviceKind.GPU;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DevicePreference;
import dev.serval.api.placement.ModelDemand;
import dev.serval.api.placement.PlacementException;
import dev.serval.api.placement.PlacementPolicy;
import dev.serval.testkit.PlacementPolicyContract;
import java.util.List;
import org.junit.jupiter.api.Test;

final class MostFreeMemoryTest extends PlacementPolicyContract {
  private static final Device HOST = device("cpu:0", CPU, Bytes.gibi(16));
  private static final Device SMALL = device("cuda:0", GPU, Bytes.gibi(2));
  private static final Device LARGE = device("cuda:1", GPU, Bytes.gibi(8));
  private static final Device TWIN = device("cuda:2", GPU, Bytes.gibi(8));

  @Override
  protected PlacementPolicy policy() {
    return PlacementPolicies.mostFreeMemory();
  }

  @Test
  void the_first_preferred_kind_with_room_wins_over_larger_devices_of_a_later_kind() {
    chooses(
        LARGE,
        "preferred, most free memory of 2",
        demand(1, DevicePreference.prefer(GPU, CPU)),
        HOST,
        SMALL,
        LARGE);
  }

  @Test
  void of_devices_with_equal_memory_the_first_found_wins() {
    chooses(
        LARGE,
        "required, most free memory of 2",
        demand(1, DevicePreference.require(GPU)),
        LARGE,
        TWIN);
  }

  @Test
  void the_next_kind_is_taken_when_the_first_is_not_there() {
    chooses(
        HOST, "taken because there is no GPU", demand(1, DevicePreference.prefer(GPU, CPU)), HOST);
  }

  @Test
  void the_next_kind_is_taken_when_the_first_has_no_room() {
    chooses(
        HOST,
        "taken because no GPU has room",
        demand(4, DevicePreference.prefer(GPU, CPU)),
        HOST,
        SMALL);
  }

  @Test
  void a_preference_that_cannot_be_met_gives_way_to_what_is_there() {
    chooses(HOST, "taken because there is no GPU", demand(1, DevicePreference.prefer(GPU)), HOST);
  }

  @Test
  void a_model_too_large_for_every_device_is_refused_with_what_it_needs_and_what_is_there() {
    assertThatExceptionOfType(PlacementException.class)
        .isThrownBy(
            () -> policy().place(demand(20, DevicePreference.prefer(CPU)), List.of(HOST, SMALL)))
        .withMessage(
            "model 'demo' needs a CPU or a GPU with room for its weights and 1 GiB of KV; there is"
                + " cpu:0 (a CPU named cpu:0, 16 GiB free of the 21 GiB needed, 20 GiB of them for"
                + " weights), cuda:0 (a GPU named cuda:0, 2 GiB free of the 21 GiB needed, 20 GiB"
                + " of them for weights)");
  }

  @Test
  void weights_count_as_what_they_take_on_each_device() {
    ModelDemand demand =
        new ModelDemand(
            "demo",
            device -> Bytes.gibi(device.kind() == GPU ? 8 : 4),
            Bytes.gibi(1),
            DevicePreference.prefer(GPU, CPU));
    chooses(HOST, "taken because no GPU has room", demand, HOST, LARGE);
    assertThatExceptionOfType(PlacementException.class)
        .isThrownBy(() ->
            policy()
                .place(
                    new ModelDemand(
                        "demo", demand.weights(), demand.kv(), DevicePreference.require(GPU)),
                    List.of(HOST, LARGE)))
        .withMessageEndingWith(
            "there is cpu:0 (a CPU named cpu:0, 16 GiB free), cuda:1 (a GPU named cuda:1, 8 GiB"
                + " free of the 9 GiB needed, 8 GiB of them for weights)");
  }

  private void chooses(Device expected, String reason, ModelDemand demand, Device... candidates) {
    assertThat(policy().place(demand, List.of(candidates)))
        .satisfies(p -> assertThat(p.device()).isEqualTo(expected))
        .satisfies(p -> assertThat(p.reason()).isEqualTo(reason));
  }

  private static ModelDemand demand(int weights, DevicePreference preference) {
    return demand(Bytes.gibi(weights), Bytes.gibi(1), preference);
  }
}
