package dev.serval.gpu.device;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceCondition;
import dev.serval.api.device.DeviceWatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/**
 * Watches how the machine's GPUs and their MIG instances fare, by the Xids that NVML reports.
 *
 * <p>It does its work when {@link #work} is called, over and over, by one thread of the host
 * application's, which also closes it; {@link #health} answers any thread. An Xid does to a device
 * what the {@link XidPolicy} says. An Xid of a MIG instance concerns that instance alone, any other
 * the device and all its instances. A suspect device is healthy again when it was quiet for a
 * while; an unhealthy one when it was, and the driver then says that nothing needs to be done, or
 * as soon as whoever reset it {@linkplain #reset says so} (drivers before the 560s do not say).
 */
public final class HealthWatch implements DeviceWatch {
  private static final DeviceHealth HEALTHY = new DeviceHealth.Healthy();
  private static final DeviceHealth LOST = new DeviceHealth.Lost();

  private final Nvml nvml;
  private final XidPolicy policy;
  private final Duration quiet;
  private final InstantSource clock;
  private final HealthListener listener;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment event = arena.allocate(NvmlStructs.EVENT);
  private final List<Watched> devices = new ArrayList<>();
  private final Map<String, DeviceHealth> health = new ConcurrentHashMap<>();
  private final long events;
  private boolean closed;

  private HealthWatch(Nvml nvml, Settings settings, long events) {
    this.nvml = nvml;
    this.policy = settings.policy();
    this.quiet = settings.quiet();
    this.clock = settings.clock();
    this.listener = settings.listener();
    this.events = events;
    nvml.devices().forEach(this::watch);
  }

  /**
   * How to watch.
   *
   * @param policy what is done about each Xid
   * @param quiet how long a device has to be quiet before it is used again
   * @param clock tells the time
   * @param listener is told
   */
  public record Settings(
      XidPolicy policy, Duration quiet, InstantSource clock, HealthListener listener) {
    /** Refuses a negative duration. */
    public Settings {
      if (quiet.isNegative()) {
        throw new IllegalArgumentException("a quiet time is not negative, unlike " + quiet);
      }
    }
  }

  /** A device or an instance, and what an event calls it. */
  private record Watched(String uuid, NvmlDevice parent, int gpuInstance, int computeInstance) {
    boolean concerns(long device, int gpu, int compute) {
      boolean everyone = gpu == -1 && compute == -1;
      return parent.handle() == device
          && (everyone || (gpuInstance == gpu && computeInstance == compute));
    }
  }

  /**
   * Watches this machine.
   *
   * @param settings how
   * @return the watch, empty where NVML is not there or cannot report events
   */
  public static Optional<HealthWatch> open(Settings settings) {
    return open(Nvml.system(), settings);
  }

  /**
   * Watches what a library says.
   *
   * @param library the management library
   * @param settings how
   * @return the watch, empty where the library is not there or cannot report events
   */
  public static Optional<HealthWatch> open(Path library, Settings settings) {
    return open(Nvml.at(library), settings);
  }

  static Optional<HealthWatch> open(Nvml.Outcome outcome, Settings settings) {
    if (!(outcome instanceof Nvml.Found(Nvml nvml))) {
      return Optional.empty();
    }
    var events = nvml.address(NvmlFunction.EVENTS_CREATE);
    if (events.isEmpty()) {
      nvml.close();
      return Optional.empty();
    }
    return Optional.of(new HealthWatch(nvml, settings, events.getAsLong()));
  }

  /** Takes a device and its instances into the watch. */
  private void watch(NvmlDevice device) {
    long wanted = NvmlConstants.nvmlEventTypeXidCriticalError;
    long able = nvml.address(NvmlFunction.EVENTS_SUPPORTED, device.handle()).orElse(0);
    Optional<String> uuid = device.uuid();
    if (uuid.isEmpty()
        || (able & wanted) == 0
        || !nvml.succeeds(NvmlFunction.EVENTS_REGISTER, device.handle(), wanted, events)) {
      return;
    }
    watch(new Watched(uuid.get(), device, -1, -1));
    device
        .instances()
        .forEach(instance ->
            instance
                .uuid()
                .ifPresent(name ->
                    watch(
                        new Watched(
                            name, device, instance.gpuInstance(), instance.computeInstance()))));
  }

  private void watch(Watched device) {
    devices.add(device);
    health.put(device.uuid(), HEALTHY);
  }

  /**
   * How a device fares.
   *
   * @param uuid the device's attribute {@code uuid}
   * @return its health, empty when it is not watched
   */
  public Optional<DeviceHealth> health(String uuid) {
    return Optional.ofNullable(health.get(uuid));
  }

  /**
   * How all devices fare.
   *
   * @return a copy, by the devices' attribute {@code uuid}
   */
  public Map<String, DeviceHealth> health() {
    return new LinkedHashMap<>(health);
  }

  @Override
  public DeviceCondition condition(Device device) {
    return health(device.attributes().getOrDefault("uuid", ""))
        .map(DeviceHealth::condition)
        .orElse(DeviceCondition.GOOD);
  }

  /**
   * Waits for an event and deals with it, then looks which devices are well again.
   *
   * @param patience how long to wait at most
   * @return how many events there were: 0 or 1
   */
  @Override
  public int work(Duration patience) {
    OptionalInt code =
        nvml.result(
            NvmlFunction.EVENTS_WAIT,
            events,
            event.address(),
            Math.toIntExact(patience.toMillis()));
    int happened = 0;
    switch (code.orElse(NvmlConstants.NVML_ERROR_TIMEOUT)) {
      case NvmlConstants.NVML_SUCCESS -> happened = happened();
      case NvmlConstants.NVML_ERROR_TIMEOUT -> {}
      default -> {
        lose();
        // The library no longer waits by itself.
        LockSupport.parkNanos(patience.toNanos());
      }
    }
    recover();
    return happened;
  }

  /**
   * A device was reset and may be used again.
   *
   * @param uuid the device's attribute {@code uuid}
   */
  public void reset(String uuid) {
    if (health.containsKey(uuid)) {
      become(uuid, HEALTHY);
    }
  }

  private int happened() {
    long type = event.get(JAVA_LONG, NvmlStructs.offset(NvmlStructs.EVENT, "eventType"));
    if (type != NvmlConstants.nvmlEventTypeXidCriticalError) {
      return 0;
    }
    long device = event.get(JAVA_LONG, NvmlStructs.offset(NvmlStructs.EVENT, "device"));
    int xid = (int) event.get(JAVA_LONG, NvmlStructs.offset(NvmlStructs.EVENT, "eventData"));
    int gpu = event.get(JAVA_INT, NvmlStructs.offset(NvmlStructs.EVENT, "gpuInstanceId"));
    int compute = event.get(JAVA_INT, NvmlStructs.offset(NvmlStructs.EVENT, "computeInstanceId"));
    devices.stream()
        .filter(watched -> watched.concerns(device, gpu, compute))
        .forEach(watched -> respond(watched.uuid(), xid));
    return 1;
  }

  private void respond(String uuid, int xid) {
    XidResponse response = policy.response(xid);
    listener.xid(uuid, xid, response);
    Instant now = clock.instant();
    switch (response) {
      case IGNORE, APPLICATION_ERROR -> {}
      case RECOVERABLE -> {
        if (!(health.get(uuid) instanceof DeviceHealth.Unhealthy)) {
          become(uuid, new DeviceHealth.Suspect(xid, now.plus(quiet)));
        }
      }
      case UNHEALTHY_UNTIL_RESET -> become(uuid, new DeviceHealth.Unhealthy(xid, now));
    }
  }

  /**
   * NVML says that something is lost, not what: the devices that no longer know their names are.
   */
  private void lose() {
    devices.stream()
        .filter(watched -> watched.parent().uuid().isEmpty())
        .forEach(watched -> become(watched.uuid(), LOST));
  }

  private void recover() {
    Instant now = clock.instant();
    for (Watched watched : devices) {
      boolean over =
          switch (health.get(watched.uuid())) {
            case DeviceHealth.Suspect suspect -> !now.isBefore(suspect.until());
            case DeviceHealth.Unhealthy unhealthy ->
                !now.isBefore(unhealthy.since().plus(quiet)) && nothingToDo(watched);
            case DeviceHealth.Lost _ -> watched.parent().uuid().isPresent() && nothingToDo(watched);
            case null, default -> false;
          };
      if (over) {
        become(watched.uuid(), HEALTHY);
      }
    }
  }

  private static boolean nothingToDo(Watched watched) {
    return watched.parent().recoveryAction().orElse(-1)
        == NvmlConstants.NVML_GPU_RECOVERY_ACTION_NONE;
  }

  private void become(String uuid, DeviceHealth now) {
    DeviceHealth before = health.put(uuid, now);
    if (!now.equals(before)) {
      listener.changed(uuid, now);
    }
  }

  /** Ends the watch. Closing again does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      nvml.result(NvmlFunction.EVENTS_FREE, events);
      nvml.close();
      arena.close();
    }
  }
}
