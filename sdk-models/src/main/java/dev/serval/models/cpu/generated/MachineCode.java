package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.system.SystemCalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Routines in memory that was written, then made executable: never both at a time. It is freed when
 * nobody refers to it any more.
 */
final class MachineCode {
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
    MemorySegment memory = SystemCalls.map(size);
    if (memory.equals(MemorySegment.NULL)) {
      throw new ExecutableMemoryException("mmap of %d bytes failed".formatted(size));
    }
    return memory.reinterpret(Arena.ofAuto(), SystemCalls::unmap);
  }

  private static void protect(MemorySegment memory) {
    if (!SystemCalls.protect(memory, SystemCalls.READ | SystemCalls.EXECUTE)) {
      throw new ExecutableMemoryException(
          "mprotect refused to make %d bytes executable".formatted(memory.byteSize()));
    }
  }
}
