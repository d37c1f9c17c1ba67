package dev.serval.gpu.device;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.Bytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A device, or a MIG instance of one, as NVML sees it. What it does not know is empty.
 *
 * @param nvml the library, open
 * @param handle the library's name for it
 */
record NvmlDevice(Nvml nvml, long handle) {
  private static final int NO_INSTANCE = -1;

  /** The brands in the order of their numbers, as NVIDIA's DRA driver writes them. */
  private static final String[] BRANDS = {
    "Unknown",
    "Quadro",
    "Tesla",
    "NVS",
    "Grid",
    "GeForce",
    "Titan",
    "NvidiaVApps",
    "NvidiaVPC",
    "NvidiaVCS",
    "NvidiaVWS",
    "NvidiaCloudGaming",
    "QuadroRTX",
    "NvidiaRTX",
    "Nvidia",
    "GeForceRTX",
    "TitanRTX"
  };

  /** Memory, as the library counts it. */
  record Memory(Bytes total, Bytes free) {}

  /** What a MIG instance has of its device. */
  record Share(
      int multiprocessors, int copyEngines, int slices, int computeSlices, long mebibytes) {
    /** The profile's name, given how much memory the whole device has. */
    String profile(Bytes whole) {
      long gibibytes = Math.ceilDiv(whole.count(), 1L << 30);
      double eighths = Math.ceil((double) (mebibytes << 20) / whole.count() * 8);
      String size = "%dg.%dgb".formatted(slices, Math.round(eighths / 8 * gibibytes));
      return computeSlices == slices ? size : computeSlices + "c." + size;
    }
  }

  Optional<String> uuid() {
    return nvml.text(NvmlFunction.UUID, handle);
  }

  Optional<String> brand() {
    OptionalInt brand = nvml.number(NvmlFunction.BRAND, handle);
    return brand.isPresent() && brand.getAsInt() >= 0 && brand.getAsInt() < BRANDS.length
        ? Optional.of(BRANDS[brand.getAsInt()])
        : Optional.empty();
  }

  Optional<Memory> memory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(NvmlStructs.MEMORY);
      return nvml.succeeds(NvmlFunction.MEMORY, handle, out.address())
          ? Optional.of(new Memory(amount(out, "total"), amount(out, "free")))
          : Optional.empty();
    }
  }

  private static Bytes amount(MemorySegment memory, String field) {
    return Bytes.of(memory.get(JAVA_LONG, NvmlStructs.offset(NvmlStructs.MEMORY, field)));
  }

  /** How the device shares the host's pages: {@code None}, {@code HMM} or {@code ATS}. */
  Optional<String> addressingMode() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mode = arena.allocate(NvmlStructs.ADDRESSING);
      mode.set(JAVA_INT, 0, (int) NvmlStructs.ADDRESSING.byteSize() | 1 << 24);
      if (!nvml.succeeds(NvmlFunction.ADDRESSING_MODE, handle, mode.address())) {
        return Optional.empty();
      }
      return Optional.of(
          switch (mode.get(JAVA_INT, NvmlStructs.offset(NvmlStructs.ADDRESSING, "value"))) {
            case NvmlConstants.NVML_DEVICE_ADDRESSING_MODE_HMM -> "HMM";
            case NvmlConstants.NVML_DEVICE_ADDRESSING_MODE_ATS -> "ATS";
            default -> "None";
          });
    }
  }

  OptionalInt linkGeneration() {
    return nvml.number(NvmlFunction.LINK_GENERATION, handle);
  }

  OptionalInt linkWidth() {
    return nvml.number(NvmlFunction.LINK_WIDTH, handle);
  }

  /** How many NVLinks are up. */
  int nvlinks() {
    return (int) activeNvlinks().count();
  }

  /** The PCI addresses of what is at the other ends of the NVLinks that are up. */
  SortedSet<String> nvlinkPeers() {
    SortedSet<String> peers = new TreeSet<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pci = arena.allocate(NvmlStructs.PCI);
      activeNvlinks()
          .filter(link -> nvml.succeeds(NvmlFunction.NVLINK_REMOTE, handle, link, pci.address()))
          .forEach(_ -> peers.add(address(pci)));
    }
    return peers;
  }

  private IntStream activeNvlinks() {
    return IntStream.range(0, NvmlConstants.NVML_NVLINK_MAX_LINKS)
        .filter(link ->
            nvml.number(NvmlFunction.NVLINK_STATE, handle, link).orElse(0)
                == NvmlConstants.NVML_FEATURE_ENABLED);
  }

  /** As sysfs writes it: the domain in four digits, small letters. */
  private static String address(MemorySegment pci) {
    String text = pci.getString(NvmlStructs.offset(NvmlStructs.PCI, "busId"));
    String address = text.toLowerCase(Locale.ROOT);
    return address.startsWith("0000") && address.indexOf(':') == 8 ? address.substring(4) : address;
  }

  /** How many processes have a context on it. */
  OptionalInt processes() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(JAVA_INT);
      int code =
          nvml.result(NvmlFunction.PROCESSES, handle, count.address(), 0L).orElse(NO_INSTANCE);
      boolean known =
          code == NvmlConstants.NVML_SUCCESS || code == NvmlConstants.NVML_ERROR_INSUFFICIENT_SIZE;
      return known ? OptionalInt.of(count.get(JAVA_INT, 0)) : OptionalInt.empty();
    }
  }

  /** Whether the device is cut into instances; empty where that is not possible. */
  Optional<Boolean> mig() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT, 2);
      long current = out.address();
      return nvml.succeeds(NvmlFunction.MIG_MODE, handle, current, current + Integer.BYTES)
          ? Optional.of(out.get(JAVA_INT, 0) == NvmlConstants.NVML_DEVICE_MIG_ENABLE)
          : Optional.empty();
    }
  }

  /** The instances that the device is cut into. */
  Stream<NvmlDevice> instances() {
    return IntStream.range(0, nvml.number(NvmlFunction.MIG_COUNT, handle).orElse(0))
        .mapToObj(index -> nvml.address(NvmlFunction.MIG_BY_INDEX, handle, index))
        .flatMapToLong(OptionalLong::stream)
        .mapToObj(instance -> new NvmlDevice(nvml, instance));
  }

  /** The device that this is an instance of. */
  Optional<NvmlDevice> parent() {
    OptionalLong parent = nvml.address(NvmlFunction.MIG_PARENT, handle);
    return parent.isEmpty()
        ? Optional.empty()
        : Optional.of(new NvmlDevice(nvml, parent.getAsLong()));
  }

  int gpuInstance() {
    return nvml.number(NvmlFunction.GPU_INSTANCE, handle).orElse(NO_INSTANCE);
  }

  int computeInstance() {
    return nvml.number(NvmlFunction.COMPUTE_INSTANCE, handle).orElse(NO_INSTANCE);
  }

  /** What this instance has of its device. */
  Optional<Share> share() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(NvmlStructs.ATTRIBUTES);
      if (!nvml.succeeds(NvmlFunction.ATTRIBUTES, handle, out.address())) {
        return Optional.empty();
      }
      return Optional.of(
          new Share(
              attribute(out, "multiprocessorCount"),
              attribute(out, "sharedCopyEngineCount"),
              attribute(out, "gpuInstanceSliceCount"),
              attribute(out, "computeInstanceSliceCount"),
              out.get(JAVA_LONG, NvmlStructs.offset(NvmlStructs.ATTRIBUTES, "memorySizeMB"))));
    }
  }

  private static int attribute(MemorySegment attributes, String field) {
    return attributes.get(JAVA_INT, NvmlStructs.offset(NvmlStructs.ATTRIBUTES, field));
  }

  /** What the driver wants done before the device can be used again; empty for older drivers. */
  OptionalInt recoveryAction() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment field = arena.allocate(NvmlStructs.FIELD);
      field.set(JAVA_INT, 0, NvmlConstants.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION);
      boolean asked = nvml.succeeds(NvmlFunction.FIELDS, handle, 1, field.address());
      int code = field.get(JAVA_INT, NvmlStructs.offset(NvmlStructs.FIELD, "nvmlReturn"));
      return asked && code == NvmlConstants.NVML_SUCCESS
          ? OptionalInt.of(field.get(JAVA_INT, NvmlStructs.offset(NvmlStructs.FIELD, "value")))
          : OptionalInt.empty();
    }
  }
}
