package dev.serval.scheduling;

import com.sun.management.OperatingSystemMXBean;
import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DeviceProvider;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Finds the processor that runs the JVM, as the one device {@code cpu:0}.
 *
 * <p>Cores are those the JVM may use and memory is what it may take: the least of the machine's own
 * and the limits of the control groups around the process. What Linux tells in {@code /proc} and
 * {@code /sys} is asked first; elsewhere the JVM is, and the attributes that nobody knows are left
 * out.
 *
 * <p>Attributes: {@code architecture}, {@code cores}, {@code features} (the vector extensions,
 * parted by spaces) and {@code numa.nodes}. Stateless; usable from any thread.
 */
public final class CpuDeviceProvider implements DeviceProvider {
  private static final Pattern VECTOR_FEATURE =
      Pattern.compile("sse4_[12]|f16c|fma|avx.*|amx.*|asimd.*|fphp|bf16|i8mm|sve.*|sme.*");
  private static final Pattern NUMA_NODE = Pattern.compile("node\\d+");
  private static final List<String> NAMES = List.of("model name", "Model", "cpu model", "Hardware");
  private static final List<String> FEATURES = List.of("flags", "Features");

  private final SystemFiles files;
  private final int processors;
  private final Bytes memory;
  private final String architecture;

  /** Looks at this machine. */
  public CpuDeviceProvider() {
    this(
        Path.of("/"),
        Runtime.getRuntime().availableProcessors(),
        Bytes.of(
            ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize()),
        System.getProperty("os.arch", "unknown"));
  }

  /**
   * Looks at the files below a root.
   *
   * @param root where {@code proc} and {@code sys} are
   * @param processors how many processors the JVM counts
   * @param memory how much memory the JVM sees
   * @param architecture the JVM's word for the architecture
   */
  public CpuDeviceProvider(Path root, int processors, Bytes memory, String architecture) {
    this.files = new SystemFiles(root);
    this.processors = processors;
    this.memory = memory;
    this.architecture = architecture;
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public Discovery discover() {
    ControlGroup group = new ControlGroup(files);
    long cores = Math.clamp(group.cores().orElse(processors), 1, processors);
    Bytes available = Bytes.of(least(physicalMemory(), group.memory()));
    Device device =
        new Device("cpu:0", DeviceKind.CPU, processorName(), available, attributes(cores));
    return new Discovery(
        List.of(device), finding(cores, cores < processors, available, group.memory()));
  }

  private String finding(long cores, boolean quota, Bytes available, OptionalLong limit) {
    boolean limited = limit.isPresent() && limit.getAsLong() == available.count();
    return "the JVM may use %d %s%s and %s of memory%s"
        .formatted(
            cores,
            cores == 1 ? "core" : "cores",
            quota ? " (by a control group's quota)" : "",
            available,
            limited ? " (by a control group's limit)" : "");
  }

  private long physicalMemory() {
    return info("proc/meminfo", List.of("MemTotal"))
        .filter(value -> value.endsWith(" kB"))
        .map(value -> SystemFiles.numberIn(value.substring(0, value.length() - 3)))
        .flatMap(kilobytes -> kilobytes.stream().boxed())
        .findFirst()
        .map(kilobytes -> kilobytes * 1024)
        .orElse(memory.count());
  }

  private static long least(long physical, OptionalLong limit) {
    return Math.min(physical, limit.orElse(Long.MAX_VALUE));
  }

  private String processorName() {
    return info("proc/cpuinfo", NAMES).findFirst().orElse(architecture + " processor");
  }

  private SortedMap<String, String> attributes(long cores) {
    SortedMap<String, String> attributes = new TreeMap<>();
    attributes.put("architecture", architecture);
    attributes.put("cores", Long.toString(cores));
    String features = features();
    if (!features.isEmpty()) {
      attributes.put("features", features);
    }
    int nodes = files.count("sys/devices/system/node", NUMA_NODE);
    if (nodes > 0) {
      attributes.put("numa.nodes", Integer.toString(nodes));
    }
    return attributes;
  }

  private String features() {
    return info("proc/cpuinfo", FEATURES)
        .limit(1)
        .flatMap(flags -> Stream.of(flags.toLowerCase(Locale.ROOT).split("\\s+", -1)))
        .filter(flag -> VECTOR_FEATURE.matcher(flag).matches())
        .distinct()
        .sorted()
        .collect(Collectors.joining(" "));
  }

  /** The values of the lines {@code key: value} whose key is one of these, in the file's order. */
  private Stream<String> info(String file, List<String> keys) {
    return files.lines(file).stream()
        .filter(line -> line.indexOf(':') > 0)
        .filter(line -> keys.contains(line.substring(0, line.indexOf(':')).strip()))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .filter(value -> !value.isEmpty());
  }
}
