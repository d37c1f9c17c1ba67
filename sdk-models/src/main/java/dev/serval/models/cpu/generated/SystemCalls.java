package dev.serval.models.cpu.generated;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * What Linux is asked for beyond what Java has: pages of memory, and what may be done with them.
 */
final class SystemCalls {
  static final int READ = 1;
  static final int WRITE = 2;
  static final int EXECUTE = 4;

  private static final int PRIVATE_ANONYMOUS = 0x22;

  private SystemCalls() {}

  /** Zeroed pages that can be read and written; NULL when there are none. */
  static MemorySegment map(long size) {
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
  static void unmap(MemorySegment memory) {
    call(
        "munmap",
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG),
        MemorySegment.ofAddress(memory.address()),
        memory.byteSize());
  }

  /** Sets what may be done with pages; says whether the system agrees. */
  static boolean protect(MemorySegment memory, int rights) {
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
