package dev.serval.gpu.standin;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** The stand-in's functions for tests ({@code control.cpp}). */
final class Controls {
  private static final int TEXT = 4096;

  private Controls() {}

  /** The library, built and loaded when the first function is called. */
  private static final class Loaded {
    static final SymbolLookup LIBRARY =
        SymbolLookup.libraryLookup(StandInLibrary.folder().resolve("libcuda.so.1"), Arena.global());
    static final MethodHandle CONFIGURE = function("standin_configure", JAVA_INT, ADDRESS);
    static final MethodHandle KERNELS = function("standin_kernels", ADDRESS, ADDRESS);
    static final MethodHandle FAIL =
        action("standin_fail", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_INT);
    static final MethodHandle HEAL = action("standin_heal");
    static final MethodHandle DELAY =
        action("standin_delay", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    static final MethodHandle SLOW = function("standin_slow", JAVA_INT, JAVA_LONG, JAVA_LONG);
    static final MethodHandle BREAK = function("standin_break", JAVA_INT, JAVA_INT, JAVA_INT);
    static final MethodHandle LOSE = function("standin_lose", JAVA_INT, JAVA_INT, JAVA_INT);
    static final MethodHandle XID =
        function("standin_xid", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT);
    static final MethodHandle RECOVERY = function("standin_recovery", JAVA_INT, JAVA_INT, JAVA_INT);
    static final MethodHandle LINK =
        function("standin_link", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    static final MethodHandle PROCESS =
        function("standin_process", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
    static final MethodHandle UTILISATION =
        function("standin_utilisation", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    static final MethodHandle VIOLATIONS = function("standin_violations", JAVA_LONG);
    static final MethodHandle VIOLATION =
        function("standin_violation", JAVA_INT, JAVA_LONG, ADDRESS, JAVA_INT);
    static final MethodHandle FORGIVE = action("standin_forgive");
    static final MethodHandle LEAKS = function("standin_leaks", JAVA_LONG, ADDRESS, JAVA_INT);
    static final MethodHandle STEP = function("standin_step", JAVA_LONG, JAVA_LONG);
    static final MethodHandle PENDING = function("standin_pending", JAVA_LONG);
    static final MethodHandle CALLS = function("standin_calls", JAVA_LONG, ADDRESS);
    static final MethodHandle COUNTER = function("standin_counter", JAVA_LONG, ADDRESS);
    static final MethodHandle RETURNED = action("standin_returned", JAVA_LONG, JAVA_LONG);
    static final MethodHandle LENT = action("standin_lent", JAVA_LONG, JAVA_LONG);
    static final MethodHandle PEEK =
        function("standin_peek", JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG);
    static final MethodHandle FAULTS = function("standin_faults", JAVA_INT, JAVA_LONG);
    static final MethodHandle GUARDS = function("standin_guards", JAVA_INT);

    private static MethodHandle function(
        String name, MemoryLayout result, MemoryLayout... parameters) {
      return linked(name, FunctionDescriptor.of(result, parameters));
    }

    private static MethodHandle action(String name, MemoryLayout... parameters) {
      return linked(name, FunctionDescriptor.ofVoid(parameters));
    }

    private static MethodHandle linked(String name, FunctionDescriptor type) {
      return Linker.nativeLinker().downcallHandle(LIBRARY.findOrThrow(name), type);
    }
  }

  /** A call of a function, which throws what the JVM throws. */
  private interface Call<T> {
    T run(Arena arena) throws Throwable;
  }

  private static <T> T call(Call<T> call) {
    try (Arena arena = Arena.ofConfined()) {
      return call.run(arena);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  static void configure(String settings) {
    configure(Loaded.CONFIGURE, settings);
  }

  /** Of another library than the one that all else here is about. */
  static void configure(Path library, String settings) {
    MemorySegment function =
        SymbolLookup.libraryLookup(library, Arena.global()).findOrThrow("standin_configure");
    configure(
        Linker.nativeLinker().downcallHandle(function, FunctionDescriptor.of(JAVA_INT, ADDRESS)),
        settings);
  }

  private static void configure(MethodHandle function, String settings) {
    int line = call(arena -> (int) function.invokeExact(arena.allocateFrom(settings)));
    if (line != 0) {
      throw new IllegalArgumentException(
          "the stand-in does not know line " + line + " of these settings:\n" + settings);
    }
  }

  static void kernels(Path library) {
    MemorySegment error =
        call(arena ->
            (MemorySegment) Loaded.KERNELS.invokeExact(arena.allocateFrom(library.toString())));
    if (error.address() != 0) {
      throw new IllegalArgumentException(library + ": " + error.reinterpret(TEXT).getString(0));
    }
  }

  static void fail(String function, long after, long times, int code) {
    call(arena -> {
      Loaded.FAIL.invokeExact(arena.allocateFrom(function), after, times, code);
      return 0;
    });
  }

  static void heal() {
    call(arena -> {
      Loaded.HEAL.invokeExact();
      return 0;
    });
  }

  static void delay(int mode, long seed, long least, long most) {
    call(arena -> {
      Loaded.DELAY.invokeExact(mode, seed, least, most);
      return 0;
    });
  }

  static void slow(long stream, long micros) {
    check("stream", stream, call(arena -> (int) Loaded.SLOW.invokeExact(stream, micros)));
  }

  static void breakContexts(int device, int code) {
    check("device", device, call(arena -> (int) Loaded.BREAK.invokeExact(device, code)));
  }

  static void lose(int device, int code) {
    check("device", device, call(arena -> (int) Loaded.LOSE.invokeExact(device, code)));
  }

  static void xid(int device, long xid, int gpuInstance, int computeInstance) {
    int code = call(_ -> (int) Loaded.XID.invokeExact(device, xid, gpuInstance, computeInstance));
    check("device", device, code);
  }

  static void recovery(int device, int action) {
    check("device", device, call(_ -> (int) Loaded.RECOVERY.invokeExact(device, action)));
  }

  static void link(int device, int link, boolean up) {
    int code = call(_ -> (int) Loaded.LINK.invokeExact(device, link, up ? 1 : 0));
    check("device", device, code);
  }

  static void process(int device, int process, long bytes) {
    check("device", device, call(_ -> (int) Loaded.PROCESS.invokeExact(device, process, bytes)));
  }

  static void utilisation(int device, int percent, int memoryPercent) {
    int code = call(_ -> (int) Loaded.UTILISATION.invokeExact(device, percent, memoryPercent));
    check("device", device, code);
  }

  private static void check(String what, long value, int code) {
    if (code != 0) {
      throw new IllegalArgumentException("the stand-in has no " + what + " " + value);
    }
  }

  static long violations() {
    return call(arena -> (long) Loaded.VIOLATIONS.invokeExact());
  }

  static String violation(long index) {
    return call(arena -> {
      MemorySegment text = arena.allocate(TEXT);
      int length = (int) Loaded.VIOLATION.invokeExact(index, text, TEXT);
      return length == 0 ? "" : text.getString(0);
    });
  }

  static void forgive() {
    call(arena -> {
      Loaded.FORGIVE.invokeExact();
      return 0;
    });
  }

  static String leaks() {
    return call(arena -> {
      MemorySegment text = arena.allocate(TEXT);
      long count = (long) Loaded.LEAKS.invokeExact(text, TEXT);
      return count == 0 ? "" : text.getString(0);
    });
  }

  static long step(long most) {
    return call(arena -> (long) Loaded.STEP.invokeExact(most));
  }

  static long pending() {
    return call(arena -> (long) Loaded.PENDING.invokeExact());
  }

  static long calls(String function) {
    return call(arena -> (long) Loaded.CALLS.invokeExact(arena.allocateFrom(function)));
  }

  static long counter(String name) {
    return call(arena -> (long) Loaded.COUNTER.invokeExact(arena.allocateFrom(name)));
  }

  static void returned(long address, long bytes) {
    call(arena -> {
      Loaded.RETURNED.invokeExact(address, bytes);
      return 0;
    });
  }

  static void lent(long address, long bytes) {
    call(arena -> {
      Loaded.LENT.invokeExact(address, bytes);
      return 0;
    });
  }

  static long peek(long address, MemorySegment target) {
    return call(arena -> (long) Loaded.PEEK.invokeExact(address, target, target.byteSize()));
  }

  static boolean faults(long address) {
    return call(arena -> (int) Loaded.FAULTS.invokeExact(address)) != 0;
  }

  static boolean guards() {
    return call(arena -> (int) Loaded.GUARDS.invokeExact()) != 0;
  }
}
