package dev.serval.gpu.device;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.gpu.driver.LibraryCalls;
import dev.serval.gpu.driver.NativeLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * NVIDIA's management library, initialised until it is closed. What it or a device does not know is
 * empty. Usable from any thread.
 */
final class Nvml implements AutoCloseable {
  static final String LIBRARY = "libnvidia-ml.so.1";

  private static final int TEXT_BYTES = 96;

  private final NativeLibrary library;
  private final LibraryCalls calls;

  private Nvml(NativeLibrary library) {
    this.library = library;
    calls = new LibraryCalls(library);
  }

  /** What came of a search: the library, or a clause that says what is missing. */
  sealed interface Outcome {}

  /** It is there. */
  record Found(Nvml nvml) implements Outcome {}

  /** It cannot be used. */
  record Absent(String finding) implements Outcome {}

  /** Looks where the system's loader looks, then at the usual places. */
  static Outcome system() {
    return NativeLibrary.find(LIBRARY)
        .map(Nvml::initialise)
        .orElseGet(() -> new Absent("NVML is not there: " + NativeLibrary.notFound(LIBRARY)));
  }

  /** Takes the library at a path. */
  static Outcome at(Path path) {
    return NativeLibrary.at(path)
        .map(Nvml::initialise)
        .orElseGet(() -> new Absent("NVML is not there: there is no library at " + path));
  }

  private static Outcome initialise(NativeLibrary library) {
    Nvml nvml = new Nvml(library);
    OptionalInt code = nvml.result(NvmlFunction.INIT);
    if (code.isEmpty()) {
      return new Absent(library.name() + " is not NVML: it has no nvmlInit_v2");
    }
    return code.getAsInt() == NvmlConstants.NVML_SUCCESS
        ? new Found(nvml)
        : new Absent(
            "NVML (%s) does not work: %s".formatted(library.name(), nvml.text(code.getAsInt())));
  }

  /** The driver's version, such as {@code 550.54.15}. */
  Optional<String> driverVersion() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(TEXT_BYTES);
      return succeeds(NvmlFunction.DRIVER_VERSION, out.address(), TEXT_BYTES)
          ? Optional.of(out.getString(0))
          : Optional.empty();
    }
  }

  /** The physical devices. */
  Stream<NvmlDevice> devices() {
    return IntStream.range(0, number(NvmlFunction.COUNT).orElse(0))
        .mapToObj(index -> address(NvmlFunction.BY_INDEX, index))
        .flatMapToLong(OptionalLong::stream)
        .mapToObj(handle -> new NvmlDevice(this, handle));
  }

  /** The device, or the MIG instance, of an identity such as {@code GPU-…}. */
  Optional<NvmlDevice> device(String uuid) {
    try (Arena arena = Arena.ofConfined()) {
      OptionalLong handle = address(NvmlFunction.BY_UUID, arena.allocateFrom(uuid).address());
      return handle.isEmpty()
          ? Optional.empty()
          : Optional.of(new NvmlDevice(this, handle.getAsLong()));
    }
  }

  /**
   * Whether the device, or the MIG instance, of an identity is off the bus or waits for a reset.
   */
  boolean lost(String uuid) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment handle = arena.allocate(JAVA_LONG);
      long name = arena.allocateFrom(uuid).address();
      int code = result(NvmlFunction.BY_UUID, name, handle.address()).orElse(-1);
      if (code == NvmlConstants.NVML_SUCCESS) {
        MemorySegment text = arena.allocate(TEXT_BYTES);
        long device = handle.get(JAVA_LONG, 0);
        code = result(NvmlFunction.UUID, device, text.address(), TEXT_BYTES).orElse(-1);
      }
      return code == NvmlConstants.NVML_ERROR_GPU_IS_LOST
          || code == NvmlConstants.NVML_ERROR_RESET_REQUIRED;
    }
  }

  /** Calls a function; empty where the library lacks it. */
  OptionalInt result(NvmlFunction function, Object... arguments) {
    return calls.result(function, arguments);
  }

  /** Calls a function; says whether it did what it was asked. */
  boolean succeeds(NvmlFunction function, Object... arguments) {
    return result(function, arguments).orElse(-1) == NvmlConstants.NVML_SUCCESS;
  }

  /** Calls a function that gives an {@code int} by its last parameter. */
  OptionalInt number(NvmlFunction function, Object... arguments) {
    OptionalLong value = address(function, arguments);
    return value.isEmpty() ? OptionalInt.empty() : OptionalInt.of((int) value.getAsLong());
  }

  /** Calls a function that gives an address or a number by its last parameter. */
  OptionalLong address(NvmlFunction function, Object... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      return succeeds(function, and(arguments, out.address()))
          ? OptionalLong.of(out.get(JAVA_LONG, 0))
          : OptionalLong.empty();
    }
  }

  /** Calls a function that gives a text by its parameters after the first. */
  Optional<String> text(NvmlFunction function, long device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(TEXT_BYTES);
      return succeeds(function, device, out.address(), TEXT_BYTES)
          ? Optional.of(out.getString(0))
          : Optional.empty();
    }
  }

  /** The library's words for a result. */
  String text(int code) {
    Linker linker = Linker.nativeLinker();
    return library
        .symbols()
        .find("nvmlErrorString")
        .map(words -> linker.downcallHandle(words, FunctionDescriptor.of(ADDRESS, JAVA_INT)))
        .map(words -> text(words, code))
        .orElse("nvmlReturn_t " + code);
  }

  private static String text(MethodHandle words, int code) {
    try {
      MemorySegment text = (MemorySegment) words.invokeExact(code);
      return text.address() == 0
          ? "nvmlReturn_t " + code
          : text.reinterpret(TEXT_BYTES).getString(0) + " (nvmlReturn_t " + code + ")";
    } catch (Throwable e) {
      throw new IllegalStateException("the call of nvmlErrorString failed", e);
    }
  }

  private static Object[] and(Object[] arguments, Object last) {
    Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = last;
    return all;
  }

  @Override
  public void close() {
    result(NvmlFunction.SHUTDOWN);
  }
}
