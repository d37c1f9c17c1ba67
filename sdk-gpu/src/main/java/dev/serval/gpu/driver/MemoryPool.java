package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.Bytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory of a device that is taken and given back in streams' order. What is given back stays with
 * the pool until it is trimmed. Usable from any thread that is attached.
 */
public final class MemoryPool extends Handle {
  private MemoryPool(Context context, long address) {
    super(context, address);
  }

  static MemoryPool create(Context context, long limit) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment properties = arena.allocate(Structs.POOL_PROPERTIES);
      properties.set(
          JAVA_INT,
          Structs.offset(Structs.POOL_PROPERTIES, "allocType"),
          Constants.CU_MEM_ALLOCATION_TYPE_PINNED);
      long location = Structs.offset(Structs.POOL_PROPERTIES, "location");
      properties.set(JAVA_INT, location, Constants.CU_MEM_LOCATION_TYPE_DEVICE);
      properties.set(JAVA_INT, location + Integer.BYTES, context.device().handle());
      properties.set(JAVA_LONG, Structs.offset(Structs.POOL_PROPERTIES, "maxSize"), limit);
      long address = context.make(EntryPoint.POOL_CREATE, properties.address());
      MemoryPool pool = new MemoryPool(context, address);
      pool.set(arena, Constants.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, -1L);
      return pool;
    }
  }

  /**
   * Takes memory, which may be used by what is given to the stream afterwards.
   *
   * @param bytes how much, more than 0
   * @param stream the stream
   * @return its address on the device
   * @throws OutOfDeviceMemoryException when neither the pool nor the device has it
   */
  public long allocate(long bytes, Stream stream) {
    MemorySegment out = stream.scratch();
    int code = context().calls().allocate(out.address(), bytes, address(), stream.address());
    if (code != Constants.CUDA_SUCCESS) {
      throw refused(code, bytes);
    }
    return out.get(JAVA_LONG, 0);
  }

  /**
   * Gives memory back, once what was given to the stream before is done.
   *
   * @param memory the address that was given
   * @param stream the stream
   */
  public void free(long memory, Stream stream) {
    context().check(EntryPoint.POOL_FREE, context().calls().free(memory, stream.address()));
  }

  /**
   * Gives memory that is not in use back to the device.
   *
   * @param kept how much the pool may keep
   */
  public void trim(long kept) {
    context().call(EntryPoint.POOL_TRIM, address(), kept);
  }

  /**
   * What the pool has of the device's memory.
   *
   * @return the amount, in use or not
   */
  public Bytes reserved() {
    return get(Constants.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);
  }

  /**
   * What of it is in use.
   *
   * @return the amount
   */
  public Bytes used() {
    return get(Constants.CU_MEMPOOL_ATTR_USED_MEM_CURRENT);
  }

  private DriverException refused(int code, long bytes) {
    String detail =
        code == Constants.CUDA_ERROR_OUT_OF_MEMORY
            ? "%s were asked for; the pool has %s, of which %s are in use, and the device has %s left"
                .formatted(Bytes.of(bytes), reserved(), used(), context().freeMemory())
            : "";
    return context().failure(EntryPoint.POOL_ALLOCATE, code, detail);
  }

  private Bytes get(int attribute) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      context().call(EntryPoint.POOL_GET, address(), attribute, out.address());
      return Bytes.of(out.get(JAVA_LONG, 0));
    }
  }

  private void set(Arena arena, int attribute, long value) {
    MemorySegment in = arena.allocateFrom(JAVA_LONG, value);
    context().call(EntryPoint.POOL_SET, address(), attribute, in.address());
  }

  @Override
  void release(long released) {
    context().release(EntryPoint.POOL_DESTROY, released);
  }
}
