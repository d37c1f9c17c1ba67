package dev.serval.runtime;

import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceCondition;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DeviceProvider;
import dev.serval.api.device.DeviceProvider.Discovery;
import dev.serval.api.device.DeviceWatch;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** The devices that were found, and how much memory of each the models so far have left free. */
final class DeviceInventory {
  private final Map<String, Discovery> findings = new LinkedHashMap<>();
  private final Map<String, Device> devices = new LinkedHashMap<>();
  private final Map<String, Long> taken = new HashMap<>();
  private final Map<String, DeviceWatch> watches = new HashMap<>();
  private final Map<String, DeviceProvider> finders = new HashMap<>();
  private final List<DeviceWatch> open = new ArrayList<>();
  private final LostDevices lost;

  /**
   * Asks every provider; of two devices with the same id the first found counts.
   *
   * @param providers find devices
   * @param clock tells the time
   * @param quiet how long a device that was lost is left alone at least
   */
  DeviceInventory(List<DeviceProvider> providers, InstantSource clock, Duration quiet) {
    lost = new LostDevices(quiet, clock);
    for (DeviceProvider provider : providers) {
      Discovery discovery = provider.discover();
      findings.putIfAbsent(provider.name(), discovery);
      discovery.devices().forEach(device -> devices.putIfAbsent(device.id(), device));
      discovery.devices().forEach(device -> finders.putIfAbsent(device.id(), provider));
      if (!discovery.devices().isEmpty()) {
        provider.watch(clock).ifPresent(watch -> watch(discovery, watch));
      }
    }
  }

  private void watch(Discovery discovery, DeviceWatch watch) {
    open.add(watch);
    discovery.devices().forEach(device -> watches.putIfAbsent(device.id(), watch));
  }

  /** Who follows how devices fare; driven and closed by whoever asks. */
  List<DeviceWatch> watches() {
    return open;
  }

  /** How a device fares. */
  DeviceCondition condition(Device device) {
    DeviceCondition seen = seen(device);
    return seen instanceof DeviceCondition.Unusable
        ? seen
        : lost.reason(device.id()).<DeviceCondition>map(DeviceCondition.Unusable::new).orElse(seen);
  }

  /** How a device fares, to whoever watches it. */
  private DeviceCondition seen(Device device) {
    DeviceWatch watch = watches.get(device.id());
    return watch == null ? DeviceCondition.GOOD : watch.condition(device);
  }

  /** Whether any device may be lost. */
  boolean hasAccelerators() {
    return devices.values().stream().anyMatch(device -> device.kind() != DeviceKind.CPU);
  }

  /** A model found a device lost; called by any thread. */
  void lose(Device device, String reason) {
    lost.add(device.id(), reason);
  }

  /** Looks which of the devices that were lost may be used again. */
  void recover() {
    lost.recover(this::isBack);
  }

  /** Nothing is known against it, and its provider finds it. */
  private boolean isBack(String id) {
    return seen(device(id)) instanceof DeviceCondition.Good
        && Objects.requireNonNull(finders.get(id)).discover().devices().stream()
            .anyMatch(device -> device.id().equals(id));
  }

  /** What each provider found. */
  Map<String, Discovery> findings() {
    return findings;
  }

  /** What was looked for, and what came of it. */
  String search() {
    String found =
        findings.entrySet().stream()
            .map(finding -> finding.getKey() + " (" + finding.getValue().finding() + ")")
            .collect(Collectors.joining(", "));
    return found
        + devices.values().stream()
            .map(device -> trouble(device).map(reason -> "; " + device.id() + ": " + reason))
            .flatMap(Optional::stream)
            .collect(Collectors.joining());
  }

  /** What is known against a device. */
  Optional<String> trouble(Device device) {
    return switch (condition(device)) {
      case DeviceCondition.Good _ -> Optional.empty();
      case DeviceCondition.Doubtful(String reason) -> Optional.of(reason);
      case DeviceCondition.Unusable(String reason) -> Optional.of(reason);
    };
  }

  /** The devices that a backend runs on and that nothing is known against, with what is free. */
  List<Device> candidates(Parts parts) {
    return devices.values().stream()
        .filter(device -> parts.backend(device).isPresent() && trouble(device).isEmpty())
        .map(this::withFreeMemory)
        .toList();
  }

  /** A device as it was found. */
  Device device(String id) {
    return Objects.requireNonNull(devices.get(id));
  }

  /** A device's memory that no model has taken. */
  Bytes free(Device device) {
    return Bytes.of(
        Math.max(0, device(device.id()).memory().count() - taken.getOrDefault(device.id(), 0L)));
  }

  /** A model takes memory. */
  void take(Device device, Bytes amount) {
    taken.merge(device.id(), amount.count(), Math::addExact);
  }

  /** A model that found no place after all gives its memory back. */
  void giveBack(Device device, Bytes amount) {
    taken.merge(device.id(), -amount.count(), Math::addExact);
  }

  /** The memory of the host's processors, or no bound if none was found. */
  Bytes hostMemory() {
    LongStream host =
        devices.values().stream()
            .filter(device -> device.kind() == DeviceKind.CPU)
            .mapToLong(device -> device.memory().count());
    return Bytes.of(host.reduce(Math::addExact).orElse(Long.MAX_VALUE));
  }

  private Device withFreeMemory(Device device) {
    return new Device(device.id(), device.kind(), device.name(), free(device), device.attributes());
  }
}
