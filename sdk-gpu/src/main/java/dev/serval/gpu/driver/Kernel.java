package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A launch of a kernel that is prepared once and made over and over: the structure that is the
 * kernel's parameter, and how many threads run it. Making it is one call of the driver and
 * allocates nothing.
 *
 * <p>The parameter is read while {@link #launch} runs, so it may be changed as soon as that
 * returns. Used by one thread at a time, which is attached.
 */
public final class Kernel {
  private static final long GRID = Structs.offset(Structs.LAUNCH_CONFIG, "gridDimX");
  private static final long BLOCK = Structs.offset(Structs.LAUNCH_CONFIG, "blockDimX");
  private static final long SHARED = Structs.offset(Structs.LAUNCH_CONFIG, "sharedMemBytes");
  private static final long STREAM = Structs.offset(Structs.LAUNCH_CONFIG, "hStream");
  private static final long ATTRIBUTES = Structs.offset(Structs.LAUNCH_CONFIG, "attrs");
  private static final long ATTRIBUTE_COUNT = Structs.offset(Structs.LAUNCH_CONFIG, "numAttrs");
  private static final long ALIGNMENT = 16;

  private final Function function;
  private final Calls calls;
  private final MemorySegment arguments;
  private final MemorySegment argumentList;
  private final MemorySegment config;

  Kernel(Function function, long argumentBytes, Arena arena) {
    this.function = function;
    this.calls = function.context().calls();
    this.arguments = arena.allocate(argumentBytes, ALIGNMENT);
    this.argumentList = arena.allocateFrom(ADDRESS, arguments);
    this.config = arena.allocate(Structs.LAUNCH_CONFIG);
    MemorySegment attribute = arena.allocate(Structs.LAUNCH_ATTRIBUTE);
    attribute.set(JAVA_INT, 0, Constants.CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
    attribute.set(JAVA_INT, Structs.offset(Structs.LAUNCH_ATTRIBUTE, "value"), 1);
    config.set(ADDRESS, ATTRIBUTES, attribute);
    grid(1, 1, 1);
    block(1, 1, 1);
  }

  /**
   * The kernel's parameter.
   *
   * @return the structure's memory, zeroed at first
   */
  public MemorySegment arguments() {
    return arguments;
  }

  /**
   * Sets how many blocks there are. Where one of them is 0 there is nothing to launch.
   *
   * @param x at least 0
   * @param y at least 0
   * @param z at least 0
   * @return this
   */
  public Kernel grid(int x, int y, int z) {
    return dimensions(GRID, x, y, z);
  }

  /**
   * Sets how many threads a block has.
   *
   * @param x at least 1
   * @param y at least 1
   * @param z at least 1
   * @return this
   */
  public Kernel block(int x, int y, int z) {
    return dimensions(BLOCK, x, y, z);
  }

  /**
   * Sets how much shared memory a block gets beyond what the kernel always takes.
   *
   * @param bytes at most what {@link Function#allowShared} was told, or 48 KiB
   * @return this
   */
  public Kernel shared(int bytes) {
    config.set(JAVA_INT, SHARED, bytes);
    return this;
  }

  /**
   * Sets whether the kernel may begin before the stream's earlier kernel has ended; it then waits
   * by itself before it reads what that one wrote.
   *
   * @param early whether it may; for devices of compute capability 9.0 and up
   * @return this
   */
  public Kernel programmatic(boolean early) {
    config.set(JAVA_INT, ATTRIBUTE_COUNT, early ? 1 : 0);
    return this;
  }

  /**
   * Gives the launch to a stream; nothing, if it has no blocks.
   *
   * @param stream the stream
   */
  public void launch(Stream stream) {
    if (isEmpty()) {
      return;
    }
    config.set(JAVA_LONG, STREAM, stream.address());
    int code = calls.launch(config.address(), function.address(), argumentList.address());
    if (code != Constants.CUDA_SUCCESS) {
      throw function.context().failure(EntryPoint.LAUNCH_EXTENDED, code, describe());
    }
  }

  private boolean isEmpty() {
    return size(GRID, 0) == 0 || size(GRID, 1) == 0 || size(GRID, 2) == 0;
  }

  private int size(long offset, int dimension) {
    return config.get(JAVA_INT, offset + (long) dimension * Integer.BYTES);
  }

  private Kernel dimensions(long offset, int x, int y, int z) {
    config.set(JAVA_INT, offset, x);
    config.set(JAVA_INT, offset + Integer.BYTES, y);
    config.set(JAVA_INT, offset + 2 * Integer.BYTES, z);
    return this;
  }

  private String describe() {
    return "the kernel is %s, grid %s, block %s, %d bytes of shared memory"
        .formatted(function, shape(GRID), shape(BLOCK), config.get(JAVA_INT, SHARED));
  }

  private String shape(long offset) {
    return "%d x %d x %d".formatted(size(offset, 0), size(offset, 1), size(offset, 2));
  }
}
