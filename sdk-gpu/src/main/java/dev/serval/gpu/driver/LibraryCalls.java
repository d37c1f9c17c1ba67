package dev.serval.gpu.driver;

import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Calls of a library's functions, each of which it may lack; linked when first called. Usable from
 * any thread.
 */
public final class LibraryCalls {
  private final NativeLibrary library;
  private final Map<NativeFunction, Optional<MethodHandle>> functions = new ConcurrentHashMap<>();

  /**
   * Calls functions of a library.
   *
   * @param library the library
   */
  public LibraryCalls(NativeLibrary library) {
    this.library = library;
  }

  /**
   * Whether the library has a function.
   *
   * @param function the function
   * @return whether it can be called
   */
  public boolean has(NativeFunction function) {
    return library.symbols().find(function.symbol()).isPresent();
  }

  /**
   * Calls a function.
   *
   * @param function the function
   * @param arguments as its parameters say: {@code int}, {@code long}, {@code byte}
   * @return its result; empty where the library lacks it
   */
  public OptionalInt result(NativeFunction function, Object... arguments) {
    Optional<MethodHandle> handle = functions.computeIfAbsent(function, this::link);
    if (handle.isEmpty()) {
      return OptionalInt.empty();
    }
    try {
      return OptionalInt.of((int) handle.get().invokeWithArguments(arguments));
    } catch (Throwable e) {
      throw new IllegalStateException("the call of " + function.symbol() + " failed", e);
    }
  }

  private Optional<MethodHandle> link(NativeFunction function) {
    return library
        .symbols()
        .find(function.symbol())
        .map(address ->
            Linker.nativeLinker()
                .downcallHandle(address, Parameter.function(function.parameters())));
  }
}
