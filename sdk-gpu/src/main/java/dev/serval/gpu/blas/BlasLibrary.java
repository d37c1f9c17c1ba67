package dev.serval.gpu.blas;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.gpu.driver.LibraryCalls;
import dev.serval.gpu.driver.NativeLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** cuBLASLt, loaded for the rest of the process's life. Usable from any thread. */
public final class BlasLibrary {
  private final NativeLibrary library;
  private final LibraryCalls calls;

  BlasLibrary(NativeLibrary library) {
    this.library = library;
    calls = new LibraryCalls(library);
  }

  boolean has(BlasFunction function) {
    return calls.has(function);
  }

  /**
   * Begins to use it in the context of the calling thread.
   *
   * @return its handle
   * @throws BlasException when it refuses, as one that is too new for the driver does
   */
  public BlasHandle open() {
    return new BlasHandle(this, created(BlasFunction.CREATE));
  }

  /**
   * Its version.
   *
   * @return such as {@code 13.1.0}
   */
  public String version() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT);
      return IntStream.of(
              BlasConstants.MAJOR_VERSION, BlasConstants.MINOR_VERSION, BlasConstants.PATCH_LEVEL)
          .mapToObj(which -> {
            call(BlasFunction.PROPERTY, which, out.address());
            return Integer.toString(out.get(JAVA_INT, 0));
          })
          .collect(Collectors.joining("."));
    }
  }

  void call(BlasFunction function, Object... arguments) {
    int status = calls.result(function, arguments).orElseThrow();
    if (status != BlasConstants.CUBLAS_STATUS_SUCCESS) {
      throw new BlasException(function, status);
    }
  }

  /** Calls a function that gives a handle by its first parameter. */
  long created(BlasFunction function, Object... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      Object[] all = new Object[arguments.length + 1];
      all[0] = out.address();
      System.arraycopy(arguments, 0, all, 1, arguments.length);
      call(function, all);
      return out.get(JAVA_LONG, 0);
    }
  }

  /** Destroys what was created, whatever each call gives. */
  void destroyed(BlasFunction function, long... handles) {
    Arrays.stream(handles)
        .filter(handle -> handle != 0)
        .forEach(handle -> calls.result(function, handle));
  }

  @Override
  public String toString() {
    return "cuBLASLt %s (%s)".formatted(version(), library.name());
  }
}
