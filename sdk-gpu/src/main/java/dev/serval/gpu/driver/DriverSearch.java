package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Looks for the driver's library and for what it can do. Not finding it is an answer in a sentence
 * and never an error.
 */
public final class DriverSearch {
  /** The oldest driver that will do, as {@code cuDriverGetVersion} counts. */
  static final int OLDEST = 12_000;

  private static final String LIBRARY = "libcuda.so.1";

  private DriverSearch() {}

  /** What came of a search. */
  public sealed interface Outcome {}

  /**
   * The driver is there and was initialised.
   *
   * @param driver the driver, open for the rest of the process's life
   */
  public record Found(CudaDriver driver) implements Outcome {}

  /**
   * There is none that could be used.
   *
   * @param finding what was looked for, where, and what is missing: a clause without a full stop
   */
  public record Absent(String finding) implements Outcome {}

  /**
   * Looks where the system's loader looks, then at the usual places.
   *
   * @return what was found
   */
  public static Outcome system() {
    return NativeLibrary.find(LIBRARY)
        .map(DriverSearch::inspect)
        .orElseGet(() -> new Absent("no NVIDIA driver: " + NativeLibrary.notFound(LIBRARY)));
  }

  /**
   * Takes the library at a path.
   *
   * @param library the library
   * @return what was found
   */
  public static Outcome at(Path library) {
    return NativeLibrary.at(library)
        .map(DriverSearch::inspect)
        .orElseGet(() -> new Absent("no NVIDIA driver: there is no library at " + library));
  }

  private static Outcome inspect(NativeLibrary library) {
    Optional<MemorySegment> versionOf = library.symbols().find("cuDriverGetVersion");
    if (versionOf.isEmpty()) {
      return new Absent(library.name() + " is no CUDA driver: it has no cuDriverGetVersion");
    }
    int version = version(versionOf.get());
    Optional<MemorySegment> lookup = library.symbols().find("cuGetProcAddress_v2");
    if (version < OLDEST || lookup.isEmpty()) {
      return new Absent(
          "the NVIDIA driver (%s) is too old: it is of CUDA %s, and %s is needed"
              .formatted(library.name(), CudaDriver.text(version), CudaDriver.text(OLDEST)));
    }
    Map<EntryPoint, MemorySegment> functions = resolve(lookup.get());
    List<String> missing =
        Arrays.stream(EntryPoint.values())
            .filter(function -> !function.optional() && !functions.containsKey(function))
            .map(EntryPoint::symbol)
            .toList();
    return missing.isEmpty()
        ? initialise(library, version, new Calls(functions))
        : new Absent(
            "the NVIDIA driver (%s, CUDA %s) lacks %s"
                .formatted(library.name(), CudaDriver.text(version), String.join(", ", missing)));
  }

  private static Outcome initialise(NativeLibrary library, int version, Calls calls) {
    int code = calls.result(EntryPoint.INIT, 0);
    if (code == Constants.CUDA_SUCCESS) {
      return new Found(new CudaDriver(library.name(), version, calls));
    }
    return new Absent(
        "the NVIDIA driver (%s, CUDA %s) has no device to offer: %s"
            .formatted(
                library.name(),
                CudaDriver.text(version),
                calls.failure(EntryPoint.INIT, code, "").getMessage()));
  }

  private static int version(MemorySegment function) {
    MethodHandle call =
        Linker.nativeLinker().downcallHandle(function, FunctionDescriptor.of(JAVA_INT, ADDRESS));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment version = arena.allocate(JAVA_INT);
      int code = (int) call.invokeExact(version);
      return code == Constants.CUDA_SUCCESS ? version.get(JAVA_INT, 0) : 0;
    } catch (Throwable e) {
      throw new IllegalStateException("the call of cuDriverGetVersion failed", e);
    }
  }

  /** The addresses of the functions that the driver has in the versions that are called here. */
  private static Map<EntryPoint, MemorySegment> resolve(MemorySegment lookup) {
    MethodHandle call =
        Linker.nativeLinker()
            .downcallHandle(
                lookup,
                FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG, ADDRESS));
    Map<EntryPoint, MemorySegment> addresses = new EnumMap<>(EntryPoint.class);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocate(ADDRESS);
      MemorySegment status = arena.allocate(JAVA_INT);
      for (EntryPoint function : EntryPoint.values()) {
        MemorySegment symbol = arena.allocateFrom(function.symbol());
        address.set(ADDRESS, 0, MemorySegment.NULL);
        int code = (int) call.invokeExact(symbol, address, function.version(), 0L, status);
        MemorySegment found = address.get(ADDRESS, 0);
        if (code == Constants.CUDA_SUCCESS && found.address() != 0) {
          addresses.put(function, found);
        }
      }
    } catch (Throwable e) {
      throw new IllegalStateException("the call of cuGetProcAddress failed", e);
    }
    return addresses;
  }
}
