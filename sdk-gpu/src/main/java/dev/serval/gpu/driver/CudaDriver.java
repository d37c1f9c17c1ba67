package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The driver's library, initialised. It stays loaded for the rest of the process's life. Immutable;
 * usable from any thread.
 */
public final class CudaDriver {
  private final String library;
  private final int version;
  private final Calls calls;

  CudaDriver(String library, int version, Calls calls) {
    this.library = library;
    this.version = version;
    this.calls = calls;
  }

  /**
   * Where the library was found.
   *
   * @return its path, or its name where the system's loader found it
   */
  public String library() {
    return library;
  }

  /**
   * The CUDA version that the driver is of.
   *
   * @return such as {@code 12.4}
   */
  public String version() {
    return text(version);
  }

  /**
   * The devices that this process may use, in the driver's order.
   *
   * @return the devices, possibly none
   */
  public List<CudaDevice> devices() {
    return IntStream.range(0, count()).mapToObj(ordinal -> new CudaDevice(calls, ordinal)).toList();
  }

  /**
   * Whether many copies can be given to the driver in one call.
   *
   * @return false for drivers before CUDA 12.8
   */
  public boolean copiesInBatches() {
    return calls.has(EntryPoint.COPY_BATCH);
  }

  private int count() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT);
      calls.call(EntryPoint.DEVICE_COUNT, out.address());
      return out.get(JAVA_INT, 0);
    }
  }

  static String text(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  @Override
  public String toString() {
    return library + " (CUDA " + version() + ")";
  }
}
