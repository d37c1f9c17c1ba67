package dev.serval.storage.checkpoint;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Locale;
import java.util.Optional;

/**
 * Lets go of a mapped file's pages: they stay in the system's file cache while it has room, but no
 * longer count as this process's. Reading brings them back. Only on Linux, and only where this
 * module may call native code; elsewhere nothing happens.
 */
final class ResidentPages {
  private static final int NOT_NEEDED = 4;
  private static final Optional<MethodHandle> ADVISE = advise();

  private ResidentPages() {}

  private static Optional<MethodHandle> advise() {
    boolean linux = System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("linux");
    if (!linux || !ResidentPages.class.getModule().isNativeAccessEnabled()) {
      return Optional.empty();
    }
    FunctionDescriptor signature = FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT);
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find("madvise")
        .map(function -> linker.downcallHandle(function, signature));
  }

  /** Lets go of a mapping that began at the beginning of a page. */
  static void release(MemorySegment mapping) {
    if (ADVISE.isEmpty() || mapping.byteSize() == 0) {
      return;
    }
    try {
      int _ = (int) ADVISE.get().invokeExact(mapping, mapping.byteSize(), NOT_NEEDED);
    } catch (Throwable e) {
      throw new IllegalStateException("letting go of a mapping failed", e);
    }
  }
}
