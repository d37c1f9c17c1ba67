package dev.serval.runtime;

import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DeviceProvider;
import dev.serval.api.device.DeviceProvider.Discovery;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** The devices that were found, and how much memory of each the models so far have left free. */
final class DeviceInventory {
  private final Map<String, Discovery> findings = new LinkedHashMap<>();
  private final Map<String, Device> devices = new LinkedHashMap<>();
  private final Map<String, Long> taken = new HashMap<>();

  /** Asks every provider; of two devices with the same id the first found counts. */
  DeviceInventory(List<DeviceProvider> providers) {
    for (DeviceProvider provider : providers) {
      Discovery discovery = provider.discover();
      findings.putIfAbsent(provider.name(), discovery);
      discovery.devices().forEach(device -> devices.putIfAbsent(device.id(), device));
    }
  }

  /** What each provider found. */
  Map<String, Discovery> findings() {
    return findings;
  }

  /** What was looked for, and what came of it. */
  String search() {
    return findings.entrySet().stream()
        .map(finding -> finding.getKey() + " (" + finding.getValue().finding() + ")")
        .collect(Collectors.joining(", "));
  }

  /** The devices that a backend runs on, with the memory that is free. */
  List<Device> candidates(Parts parts) {
    return devices.values().stream()
        .filter(device -> parts.backend(device).isPresent())
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
