package dev.serval.models.cpu.generated;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

/**
 * Routines in memory that was written, then made executable: never both at a time. It is freed when
 * nobody refers to it any more.
 */
final class MachineCode {
  private static final int READ = 1;
  private static final int WRITE = 2;
  private static final int EXECUTE = 4;
  private static final int PRIVATE_ANONYMOUS = 0x22;
  private static final int PAGE = 4096;
  private static final int ALIGNMENT = 64;

  private final List<MemorySegment> routines;

  private MachineCode(List<MemorySegment> routines) {
    this.routines = routines;
  }

  /**
   * Assembles routines.
   *
   * @throws ExecutableMemoryException when the system refuses such memory
   */
  static MachineCode of(List<List<Instruction>> routines) {
    List<byte[]> codes = routines.stream().map(Assembler::encode).toList();
    long size = codes.stream().mapToLong(code -> aligned(code.length)).sum();
    MemorySegment memory = map((size + PAGE - 1) / PAGE * PAGE);
    List<MemorySegment> places = new ArrayList<>();
    long at = 0;
    for (byte[] code : codes) {
      MemorySegment.copy(code, 0, memory, ValueLayout.JAVA_BYTE, at, code.length);
      places.add(memory.asSlice(at, code.length));
      at += aligned(code.length);
    }
    protect(memory);
    return new MachineCode(List.copyOf(places));
  }

  private static long aligned(int length) {
    return (length + ALIGNMENT - 1L) / ALIGNMENT * ALIGNMENT;
  }

  MemorySegment routine(int index) {
    return routines.get(index);
  }

  private static MemorySegment map(long size) {
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
    if (memory.address() == -1) {
      throw new ExecutableMemoryException("mmap of %d bytes failed".formatted(size));
    }
    return memory.reinterpret(size, Arena.ofAuto(), mapped -> unmap(mapped, size));
  }

  private static void unmap(MemorySegment memory, long size) {
    call(
        "munmap",
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG),
        memory,
        size);
  }

  private static void protect(MemorySegment memory) {
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
                READ | EXECUTE);
    if (result != 0) {
      throw new ExecutableMemoryException(
          "mprotect refused to make %d bytes executable".formatted(memory.byteSize()));
    }
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
