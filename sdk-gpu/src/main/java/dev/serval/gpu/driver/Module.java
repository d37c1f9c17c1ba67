package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Kernels that were loaded. Usable from any thread; no kernel of it may run when it is closed. */
public final class Module extends Handle {
  private static final int LOG_BYTES = 16 << 10;

  private Module(Context context, long address) {
    super(context, address);
  }

  static Module load(Context context, byte[] image) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      MemorySegment terminated = arena.allocate(image.length + 1L, Long.BYTES);
      MemorySegment.copy(image, 0, terminated, JAVA_BYTE, 0, image.length);
      MemorySegment log = arena.allocate(LOG_BYTES);
      MemorySegment options =
          arena.allocateFrom(
              JAVA_INT,
              Constants.CU_JIT_ERROR_LOG_BUFFER,
              Constants.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
      MemorySegment values = arena.allocateFrom(JAVA_LONG, log.address(), LOG_BYTES - 1L);
      int code =
          context.result(
              EntryPoint.MODULE_LOAD,
              out.address(),
              terminated.address(),
              2,
              options.address(),
              values.address());
      if (code != Constants.CUDA_SUCCESS) {
        throw context.failure(EntryPoint.MODULE_LOAD, code, log.getString(0).strip());
      }
      return new Module(context, out.get(JAVA_LONG, 0));
    }
  }

  /**
   * A kernel.
   *
   * @param name its name in the image
   * @return the kernel
   * @throws DriverException when there is none of this name
   */
  public Function function(String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      int code =
          context()
              .result(
                  EntryPoint.MODULE_FUNCTION,
                  out.address(),
                  address(),
                  arena.allocateFrom(name).address());
      if (code != Constants.CUDA_SUCCESS) {
        throw context()
            .failure(EntryPoint.MODULE_FUNCTION, code, "the kernel asked for is " + name);
      }
      return new Function(this, name, out.get(JAVA_LONG, 0));
    }
  }

  @Override
  void release(long released) {
    context().release(EntryPoint.MODULE_UNLOAD, released);
  }
}
