package dev.serval.api.device;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Zeroed memory straight from the system, which gives a page when it is first written: huge ones
 * where it has them, so that reading weights from one end to the other does not look up an address
 * every 4 KiB. Pieces follow each other in slabs, large ones have mappings of their own, and what
 * of a slab is not used takes no memory but for the rest of a huge page.
 *
 * <p>Only on Linux, and only where this module may call native code; elsewhere there is none.
 * Synchronised by its owner.
 */
final class LargePages {
  /** Smaller amounts are not worth it. */
  static final long LEAST = 64 << 10;

  private static final long SLAB = 256L << 20;
  private static final long LARGE = SLAB / 8;
  private static final long PAGE = 2L << 20;
  private static final int READ_WRITE = 3;
  private static final int PRIVATE_ANONYMOUS = 0x22;
  private static final int ADVISE_HUGE_PAGES = 14;
  private static final Optional<Calls> CALLS = Calls.find();

  private final Arena arena;
  private @Nullable MemorySegment slab;
  private long used;

  LargePages(Arena arena) {
    this.arena = arena;
  }

  /** A piece; empty where the system gives none. */
  Optional<MemorySegment> allocate(long bytes, long alignment) {
    if (CALLS.isEmpty() || bytes > Long.MAX_VALUE / 2 || alignment > PAGE) {
      return Optional.empty();
    }
    return bytes >= LARGE ? CALLS.get().map(bytes, arena) : ofSlab(CALLS.get(), bytes, alignment);
  }

  private Optional<MemorySegment> ofSlab(Calls calls, long bytes, long alignment) {
    long begin = Math.ceilDiv(used, alignment) * alignment;
    if (slab == null || bytes > slab.byteSize() - begin) {
      slab = calls.map(SLAB, arena).orElse(null);
      begin = 0;
    }
    used = begin + bytes;
    return Optional.ofNullable(slab).map(mapped -> mapped.asSlice(used - bytes, bytes));
  }

  /** The system's functions. */
  private record Calls(MethodHandle mmap, MethodHandle munmap, MethodHandle madvise) {
    static Optional<Calls> find() {
      boolean linux = System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("linux");
      if (!linux || !LargePages.class.getModule().isNativeAccessEnabled()) {
        return Optional.empty();
      }
      SymbolLookup library = Linker.nativeLinker().defaultLookup();
      return library
          .find("mmap")
          .flatMap(map ->
              library
                  .find("munmap")
                  .flatMap(
                      unmap -> library.find("madvise").map(advise -> link(map, unmap, advise))));
    }

    private static Calls link(MemorySegment map, MemorySegment unmap, MemorySegment advise) {
      Linker linker = Linker.nativeLinker();
      return new Calls(
          linker.downcallHandle(
              map,
              FunctionDescriptor.of(
                  ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG)),
          linker.downcallHandle(unmap, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG)),
          linker.downcallHandle(
              advise, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT)));
    }

    /** So many bytes that begin with a huge page and go back when the arena is closed. */
    Optional<MemorySegment> map(long bytes, Arena arena) {
      long length = bytes + PAGE;
      try {
        MemorySegment all =
            (MemorySegment)
                mmap.invokeExact(MemorySegment.NULL, length, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0L);
        if (all.address() == -1) {
          return Optional.empty();
        }
        MemorySegment owned = all.reinterpret(length, arena, this::unmap);
        MemorySegment aligned = owned.asSlice(-all.address() & (PAGE - 1), bytes);
        int _ = (int) madvise.invokeExact(aligned, bytes, ADVISE_HUGE_PAGES);
        return Optional.of(aligned);
      } catch (Throwable e) {
        throw new IllegalStateException("mapping " + bytes + " bytes failed", e);
      }
    }

    private void unmap(MemorySegment all) {
      try {
        int _ = (int) munmap.invokeExact(all, all.byteSize());
      } catch (Throwable e) {
        throw new IllegalStateException("unmapping " + all + " failed", e);
      }
    }
  }
}
