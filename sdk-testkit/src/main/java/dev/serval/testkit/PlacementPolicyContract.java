package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DevicePreference;
import dev.serval.api.placement.ModelDemand;
import dev.serval.api.placement.Placement;
import dev.serval.api.placement.PlacementException;
import dev.serval.api.placement.PlacementPolicy;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What every {@link PlacementPolicy} keeps to, whatever it prefers. */
public abstract class PlacementPolicyContract {
  /** For subclasses. */
  protected PlacementPolicyContract() {}

  /**
   * The policy under test.
   *
   * @return the policy
   */
  protected abstract PlacementPolicy policy();

  /**
   * A device as tests need it.
   *
   * @param id its id
   * @param kind its kind
   * @param memory its free memory
   * @return the device
   */
  protected static Device device(String id, DeviceKind kind, Bytes memory) {
    return new Device(id, kind, "a " + kind + " named " + id, memory, new TreeMap<>());
  }

  /**
   * A demand as tests need it.
   *
   * @param weights the size of the weights, on any device
   * @param kv the size of the KV cache
   * @param preference the wish
   * @return the demand of a model named {@code demo}
   */
  protected static ModelDemand demand(Bytes weights, Bytes kv, DevicePreference preference) {
    return new ModelDemand("demo", device -> weights, kv, preference);
  }

  @Test
  void the_choice_is_a_candidate_and_says_why() {
    Device cpu = device("cpu:0", DeviceKind.CPU, Bytes.gibi(8));
    Placement placement = policy().place(anywhere(), List.of(cpu));
    assertThat(placement.device()).isEqualTo(cpu);
    assertThat(placement.reason()).isNotBlank().doesNotContain("\n");
  }

  @Test
  void no_candidate_at_all_is_refused_with_the_models_name() {
    assertThatExceptionOfType(PlacementException.class)
        .isThrownBy(() -> policy().place(anywhere(), List.of()))
        .withMessageContaining("demo");
  }

  @Test
  void a_required_kind_that_is_not_there_is_refused_with_what_is_there() {
    ModelDemand demand =
        demand(Bytes.mebi(1), Bytes.mebi(1), DevicePreference.require(DeviceKind.GPU));
    assertThatExceptionOfType(PlacementException.class)
        .isThrownBy(
            () -> policy().place(demand, List.of(device("cpu:0", DeviceKind.CPU, Bytes.gibi(8)))))
        .withMessageContaining("GPU")
        .withMessageContaining("cpu:0");
  }

  @Test
  void whatever_the_devices_the_choice_has_room_is_of_a_required_kind_and_is_repeatable() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 500; round++) {
      List<Device> candidates = someDevices(random);
      ModelDemand demand = someDemand(random);
      assertThat(choice(demand, candidates))
          .as("seed %d, %s among %s", seed, demand, candidates)
          .isEqualTo(choice(demand, candidates))
          .satisfies(choice -> choice.ifPresent(p -> fits(p.device(), demand, candidates)));
    }
  }

  private static void fits(Device chosen, ModelDemand demand, List<Device> candidates) {
    assertThat(candidates).contains(chosen);
    assertThat(chosen.memory()).isGreaterThanOrEqualTo(demand.totalOn(chosen));
    if (demand.preference() instanceof DevicePreference.Require(DeviceKind kind)) {
      assertThat(chosen.kind()).isEqualTo(kind);
    }
  }

  private Optional<Placement> choice(ModelDemand demand, List<Device> candidates) {
    try {
      return Optional.of(policy().place(demand, candidates));
    } catch (PlacementException e) {
      return Optional.empty();
    }
  }

  private static List<Device> someDevices(Random random) {
    return IntStream.range(0, random.nextInt(5))
        .mapToObj(i -> device("any:" + i, someKind(random), Bytes.mebi(random.nextInt(64))))
        .toList();
  }

  private static ModelDemand someDemand(Random random) {
    return demand(
        Bytes.mebi(random.nextInt(40)),
        Bytes.mebi(random.nextInt(40)),
        random.nextBoolean()
            ? DevicePreference.require(someKind(random))
            : DevicePreference.prefer(someKind(random), someKind(random)));
  }

  private static DeviceKind someKind(Random random) {
    return random.nextBoolean() ? DeviceKind.CPU : DeviceKind.GPU;
  }

  private static ModelDemand anywhere() {
    return demand(Bytes.mebi(1), Bytes.mebi(1), DevicePreference.prefer(DeviceKind.values()));
  }
}
