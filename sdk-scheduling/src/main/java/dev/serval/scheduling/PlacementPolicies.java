package dev.serval.scheduling;

import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DevicePreference;
import dev.serval.api.placement.ModelDemand;
import dev.serval.api.placement.Placement;
import dev.serval.api.placement.PlacementException;
import dev.serval.api.placement.PlacementPolicy;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The stock placement policies. Each is a pure function without state, usable from any thread. */
public final class PlacementPolicies {
  private PlacementPolicies() {}

  /**
   * The first kind in the order of preference that has a device with room for the model, and among
   * its devices the one with most free memory; of equals the one that was found first. A
   * {@linkplain DevicePreference.Prefer preference} that cannot be met is passed over for whatever
   * else is there; a {@linkplain DevicePreference.Require requirement} is not.
   *
   * @return the policy
   */
  public static PlacementPolicy mostFreeMemory() {
    return new MostFreeMemory();
  }

  private record MostFreeMemory() implements PlacementPolicy {
    @Override
    public Placement place(ModelDemand demand, List<Device> candidates) {
      List<DeviceKind> kinds = kinds(demand.preference());
      for (DeviceKind kind : kinds) {
        Optional<Device> device = roomiest(kind, demand, candidates);
        if (device.isPresent()) {
          return new Placement(device.get(), reason(kind, demand, candidates));
        }
      }
      throw new PlacementException(refusal(demand, kinds, candidates));
    }

    @Override
    public String toString() {
      return "most free memory";
    }

    private static List<DeviceKind> kinds(DevicePreference preference) {
      return switch (preference) {
        case DevicePreference.Require(DeviceKind kind) -> List.of(kind);
        case DevicePreference.Prefer(List<DeviceKind> kinds) ->
            Stream.concat(kinds.stream(), Stream.of(DeviceKind.values())).distinct().toList();
      };
    }

    private static Optional<Device> roomiest(
        DeviceKind kind, ModelDemand demand, List<Device> candidates) {
      return candidates.stream()
          .filter(d -> d.kind() == kind && d.memory().compareTo(demand.totalOn(d)) >= 0)
          .reduce((best, next) -> next.memory().compareTo(best.memory()) > 0 ? next : best);
    }

    private static String reason(DeviceKind kind, ModelDemand demand, List<Device> candidates) {
      String wish =
          switch (demand.preference()) {
            case DevicePreference.Require _ -> "required";
            case DevicePreference.Prefer preference -> preferred(kind, preference, candidates);
          };
      long rivals = candidates.stream().filter(d -> d.kind() == kind).count();
      return rivals > 1 ? wish + ", most free memory of " + rivals : wish;
    }

    private static String preferred(
        DeviceKind kind, DevicePreference preference, List<Device> candidates) {
      String missing =
          kinds(preference).stream()
              .takeWhile(k -> k != kind)
              .map(k -> any(k, candidates) ? "no " + k + " has room" : "there is no " + k)
              .collect(Collectors.joining(" and "));
      return missing.isEmpty() ? "preferred" : "taken because " + missing;
    }

    private static boolean any(DeviceKind kind, List<Device> candidates) {
      return candidates.stream().anyMatch(d -> d.kind() == kind);
    }

    private static String refusal(
        ModelDemand demand, List<DeviceKind> kinds, List<Device> candidates) {
      String wish = kinds.stream().map(DeviceKind::name).collect(Collectors.joining(" or a "));
      String there =
          candidates.stream()
              .map(d -> found(d, kinds.contains(d.kind()) ? demand : null))
              .collect(Collectors.joining(", "));
      return "model '%s' needs a %s with room for its weights and %s of KV; there is %s"
          .formatted(
              demand.model(),
              wish,
              demand.kv(),
              there.isEmpty() ? "no device that a compute backend runs on" : there);
    }

    private static String found(Device device, @Nullable ModelDemand demand) {
      String needed =
          demand == null
              ? ""
              : " of the %s needed, %s of them for weights"
                  .formatted(demand.totalOn(device), demand.weightsOn(device));
      return "%s (%s, %s free%s)".formatted(device.id(), device.name(), device.memory(), needed);
    }
  }
}
