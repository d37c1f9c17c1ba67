package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A kernel of a module, to be launched by way of {@link Kernel}. Usable as long as the module is.
 */
public final class Function {
  private final Module module;
  private final String name;
  private final long address;

  Function(Module module, String name, long address) {
    this.module = module;
    this.name = name;
    this.address = address;
  }

  /**
   * The kernel's name.
   *
   * @return the name in the image
   */
  public String name() {
    return name;
  }

  /**
   * Lets launches ask for shared memory beyond the 48 KiB that are always allowed.
   *
   * @param bytes the most that a launch will ask for
   */
  public void allowShared(int bytes) {
    module
        .context()
        .call(
            EntryPoint.FUNCTION_SET,
            address(),
            Constants.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
            bytes);
  }

  /**
   * A launch of this kernel that can be filled in and made over and over.
   *
   * @param argumentBytes the size of the structure that is the kernel's one parameter
   * @param arena where the launch's memory lives; it outlives the last launch
   * @return the launch, of one block of one thread until it is told otherwise
   * @throws IllegalArgumentException when the kernel takes a structure of another size, as far as
   *     the driver tells
   */
  public Kernel kernel(long argumentBytes, Arena arena) {
    requireSize(argumentBytes);
    return new Kernel(this, argumentBytes, arena);
  }

  private void requireSize(long argumentBytes) {
    if (!context().calls().has(EntryPoint.FUNCTION_PARAMETER)) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(JAVA_LONG, 2);
      long offset = size.address() + Long.BYTES;
      context().call(EntryPoint.FUNCTION_PARAMETER, address(), 0L, offset, size.address());
      if (size.get(JAVA_LONG, 0) != argumentBytes) {
        throw new IllegalArgumentException(
            "the kernel %s takes a structure of %d bytes, not of %d"
                .formatted(name, size.get(JAVA_LONG, 0), argumentBytes));
      }
    }
  }

  long address() {
    long _ = module.address();
    return address;
  }

  Context context() {
    return module.context();
  }

  @Override
  public String toString() {
    return name;
  }
}
