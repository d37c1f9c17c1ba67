package dev.serval.gpu.device;

import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.gpu.device.NvmlDevice.Memory;
import dev.serval.gpu.device.NvmlDevice.Share;
import dev.serval.gpu.driver.CudaDevice;
import dev.serval.gpu.driver.CudaDriver;
import dev.serval.gpu.driver.DeviceAttribute;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Puts together what the driver, NVML and the system say of each device.
 *
 * @param driver the driver
 * @param nvml the management library, null where there is none
 * @param files the system's files
 */
record DeviceFacts(CudaDriver driver, @Nullable Nvml nvml, PciFiles files) {
  private static final int SHORT = 8;
  private static final int KEPT_BACK = 16;

  /** The version of the driver as a whole, such as {@code 550.54.15}. */
  String driverVersion() {
    return Optional.ofNullable(nvml)
        .flatMap(Nvml::driverVersion)
        .or(files::driverVersion)
        .orElse("of unknown version");
  }

  /** Whether a device that the driver has named is of no use. */
  boolean lost(CudaDevice device) {
    return nvml != null && (nvml.lost("GPU-" + device.uuid()) || nvml.lost("MIG-" + device.uuid()));
  }

  /** The devices, described. */
  List<Device> devices(List<CudaDevice> visible) {
    Map<CudaDevice, String> ids = ids(visible);
    List<Device> devices = new ArrayList<>();
    for (CudaDevice device : visible) {
      devices.add(device(device, ids));
    }
    return devices;
  }

  /** As short as they can be: the beginnings of the UUIDs, or the whole where beginnings meet. */
  private static Map<CudaDevice, String> ids(List<CudaDevice> visible) {
    Map<CudaDevice, String> ids = new LinkedHashMap<>();
    visible.forEach(device -> ids.put(device, device.uuid().toString()));
    boolean apart =
        ids.values().stream().map(id -> id.substring(0, SHORT)).distinct().count() == ids.size();
    ids.replaceAll((_, id) -> "gpu:" + (apart ? id.substring(0, SHORT) : id));
    return ids;
  }

  private Device device(CudaDevice device, Map<CudaDevice, String> ids) {
    Optional<NvmlDevice> instance = managed("MIG-" + device.uuid());
    Optional<NvmlDevice> managed = instance.or(() -> managed("GPU-" + device.uuid()));
    Bytes whole = device.memory();
    Bytes free = managed.flatMap(NvmlDevice::memory).map(Memory::free).orElse(whole);
    long usable = Math.min(free.count(), whole.count()) - whole.count() / KEPT_BACK;
    SortedMap<String, String> attributes = new TreeMap<>();
    ofDriver(device, attributes);
    ofSystem(device.pciAddress(), managed, attributes);
    ofPeers(device, ids, attributes);
    managed.ifPresent(
        known -> ofManagement(instance.flatMap(NvmlDevice::parent).orElse(known), attributes));
    attributes.put("type", instance.isPresent() ? "mig" : "gpu");
    attributes.put("uuid", (instance.isPresent() ? "MIG-" : "GPU-") + device.uuid());
    instance.ifPresent(part -> ofInstance(part, attributes));
    return new Device(
        Objects.requireNonNull(ids.get(device)),
        DeviceKind.GPU,
        device.name(),
        Bytes.of(Math.max(1, usable)),
        attributes);
  }

  private Optional<NvmlDevice> managed(String uuid) {
    return Optional.ofNullable(nvml).flatMap(library -> library.device(uuid));
  }

  private void ofDriver(CudaDevice device, Map<String, String> attributes) {
    int capability = device.capability();
    attributes.put("architecture", architecture(capability));
    attributes.put("cudaComputeCapability", capability / 10 + "." + capability % 10 + ".0");
    attributes.put("cudaDriverVersion", driver.version() + ".0");
    attributes.put("memory", Long.toString(device.memory().count()));
    attributes.put("pcieBusID", device.pciAddress());
    attributes.put("productName", device.name());
    attributes.put(
        "multiprocessors",
        Integer.toString(device.attribute(DeviceAttribute.MULTIPROCESSOR_COUNT)));
    if (Character.isDigit(driverVersion().charAt(0))) {
      attributes.put("driverVersion", driverVersion());
    }
  }

  private void ofSystem(
      String address, Optional<NvmlDevice> managed, Map<String, String> attributes) {
    put(attributes, "numa.node", files.numaNode(address));
    files
        .rootComplex(address)
        .ifPresent(root -> attributes.put("resource.kubernetes.io/pcieRoot", root));
    put(
        attributes,
        "pcie.generation",
        first(managed.map(NvmlDevice::linkGeneration), files.linkGeneration(address)));
    put(
        attributes,
        "pcie.width",
        first(managed.map(NvmlDevice::linkWidth), files.linkWidth(address)));
  }

  private static void ofPeers(
      CudaDevice device, Map<CudaDevice, String> ids, Map<String, String> attributes) {
    String peers =
        ids.entrySet().stream()
            .filter(other -> device.reaches(other.getKey()))
            .map(Map.Entry::getValue)
            .collect(Collectors.joining(" "));
    if (!peers.isEmpty()) {
      attributes.put("peers", peers);
    }
  }

  private static void ofManagement(NvmlDevice device, Map<String, String> attributes) {
    device.brand().ifPresent(brand -> attributes.put("brand", brand));
    device.addressingMode().ifPresent(mode -> attributes.put("addressingMode", mode));
    put(attributes, "processes", device.processes());
    int links = device.nvlinks();
    if (links > 0) {
      SortedSet<String> peers = device.nvlinkPeers();
      attributes.put("nvlink.links", Integer.toString(links));
      if (!peers.isEmpty()) {
        attributes.put("nvlink.peers", String.join(" ", peers));
      }
    }
  }

  private static void ofInstance(NvmlDevice instance, Map<String, String> attributes) {
    Optional<NvmlDevice> parent = instance.parent();
    parent.flatMap(NvmlDevice::uuid).ifPresent(uuid -> attributes.put("parentUUID", uuid));
    instance
        .share()
        .ifPresent(share -> ofShare(share, parent.flatMap(NvmlDevice::memory), attributes));
  }

  private static void ofShare(Share share, Optional<Memory> whole, Map<String, String> attributes) {
    attributes.put("multiprocessors", Integer.toString(share.multiprocessors()));
    attributes.put("copyEngines", Integer.toString(share.copyEngines()));
    whole.ifPresent(memory -> attributes.put("profile", share.profile(memory.total())));
  }

  private static OptionalInt first(Optional<OptionalInt> wanted, OptionalInt other) {
    OptionalInt value = wanted.orElse(OptionalInt.empty());
    return value.isPresent() ? value : other;
  }

  private static void put(Map<String, String> attributes, String name, OptionalInt value) {
    value.ifPresent(number -> attributes.put(name, Integer.toString(number)));
  }

  private static String architecture(int capability) {
    return switch (capability / 10) {
      case 5 -> "Maxwell";
      case 6 -> "Pascal";
      case 7 -> capability == 75 ? "Turing" : "Volta";
      case 8 -> capability == 89 ? "Ada Lovelace" : "Ampere";
      case 9 -> "Hopper";
      case 10, 11, 12 -> "Blackwell";
      default -> "Unknown";
    };
  }
}
