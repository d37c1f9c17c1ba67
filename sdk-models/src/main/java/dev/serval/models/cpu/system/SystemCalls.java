package dev.serval.models.cpu.system;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.BitSet;

/**
 * What Linux is asked for beyond what Java has: pages of memory, what may be done with them, and
 * where threads run.
 */
public final class SystemCalls {
  /** Pages may be read. */
  public static final int READ = 1;

  /** Pages may be written. */
  public static final int WRITE = 2;

  /** Pages may be run. */
  public static final int EXECUTE = 4;

  private static final int PRIVATE_ANONYMOUS = 0x22;

  /** No system that Java runs on has larger pages than these, unless asked for them. */
  private static final long PAGE = 1 << 16;

  private static final int POPULATE_WRITE = 23;
  private static final FunctionDescriptor MADVISE =
      FunctionDescriptor.of(
          ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT);
  private static final long ARCH_PRCTL = 158;
  private static final long REQUEST_PERMISSION = 0x1023;
  private static final long TILE_DATA = 18;

  /** Room for as many processors as Linux can be built for. */
  private static final int MASK_BYTES = 1024;

  private SystemCalls() {}

  /** Zeroed pages that can be read and written; NULL when there are none. */
  public static MemorySegment map(long size) {
    MemorySegment memory =
        (MemorySegment)
            call(
                "mmap",
                FunctionDescriptor.of(
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_LONG),
                MemorySegment.NULL,
                size,
                READ | WRITE,
                PRIVATE_ANONYMOUS,
                -1,
                0L);
    return memory.address() == -1 ? MemorySegment.NULL : memory.reinterpret(size);
  }

  /** Gives pages back. */
  public static void unmap(MemorySegment memory) {
    call(
        "munmap",
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG),
        MemorySegment.ofAddress(memory.address()),
        memory.byteSize());
  }

  /** Sets what may be done with pages; says whether the system agrees. */
  public static boolean protect(MemorySegment memory, int rights) {
    int result =
        (int)
            call(
                "mprotect",
                FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT),
                memory,
                memory.byteSize(),
                rights);
    return result == 0;
  }

  /**
   * Asks for the pages of so many bytes from an address as if they were being written, and leaves
   * what lies in them as it is; says whether the system did (Linux 5.14 and later, with native
   * access).
   */
  public static boolean populate(long address, long bytes) {
    if (!System.getProperty("os.name").equals("Linux")
        || !SystemCalls.class.getModule().isNativeAccessEnabled()) {
      return false;
    }
    long before = address % PAGE;
    MemorySegment page = MemorySegment.ofAddress(address - before);
    return (int) call("madvise", MADVISE, page, bytes + before, POPULATE_WRITE) == 0;
  }

  /**
   * Asks for the tile registers of AMX, for all threads of the process; says whether the system
   * agrees. See <a href="https://docs.kernel.org/arch/x86/xstate.html">its documentation</a>.
   */
  public static boolean requestTileRegisters() {
    FunctionDescriptor type =
        FunctionDescriptor.of(
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG);
    long result = (long) call("syscall", type, ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA);
    return result == 0;
  }

  /** The processors that the calling thread may run on, ascending; none if the system won't say. */
  public static BitSet processors() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mask = arena.allocate(MASK_BYTES, Long.BYTES);
      boolean known = affinity("sched_getaffinity", mask);
      return known ? BitSet.valueOf(mask.toArray(ValueLayout.JAVA_LONG)) : new BitSet();
    }
  }

  /** Keeps the calling thread on one processor; says whether the system agrees. */
  public static boolean pin(int processor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mask = arena.allocate(MASK_BYTES, Long.BYTES);
      long word = 1L << processor;
      mask.setAtIndex(ValueLayout.JAVA_LONG, processor / Long.SIZE, word);
      return affinity("sched_setaffinity", mask);
    }
  }

  private static boolean affinity(String name, MemorySegment mask) {
    FunctionDescriptor type =
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS);
    return (int) call(name, type, 0, mask.byteSize(), mask) == 0;
  }

  private static Object call(String name, FunctionDescriptor type, Object... arguments) {
    Linker linker = Linker.nativeLinker();
    MethodHandle function = linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type);
    try {
      return function.invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new IllegalStateException("the call of " + name + " failed", e);
    }
  }
}
