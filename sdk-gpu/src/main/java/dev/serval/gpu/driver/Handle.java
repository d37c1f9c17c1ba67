package dev.serval.gpu.driver;

/**
 * Something of the driver's that has an owner, named by an address until it is closed. Using it
 * afterwards is met by an exception. Closing again does nothing, and closing a context closes its
 * handles, the newest first.
 */
public abstract sealed class Handle implements AutoCloseable
    permits DeviceMemory,
        Event,
        ExecutableGraph,
        Graph,
        HostMemory,
        MemoryPool,
        Module,
        PinnedSegment,
        Stream {
  private final Context context;
  private long address;

  Handle(Context context, long address) {
    this.context = context;
    this.address = address;
    context.own(this);
  }

  /**
   * The driver's name for it, for calls.
   *
   * @return the address, never 0
   * @throws IllegalStateException when it is closed
   */
  public final long address() {
    long current = address;
    if (current == 0) {
      throw new IllegalStateException(
          "this %s of %s is closed".formatted(getClass().getSimpleName(), context));
    }
    return current;
  }

  /**
   * The context it belongs to.
   *
   * @return the context
   */
  public final Context context() {
    return context;
  }

  /**
   * Gives it back to the driver.
   *
   * @throws DriverException when the driver refuses, but never because the device is lost
   */
  @Override
  public final void close() {
    long current;
    synchronized (this) {
      current = address;
      address = 0;
    }
    if (current != 0) {
      context.disown(this);
      release(current);
    }
  }

  /** Gives back what an address names. */
  abstract void release(long released);
}
