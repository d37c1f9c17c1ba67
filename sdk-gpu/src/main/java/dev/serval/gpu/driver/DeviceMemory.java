package dev.serval.gpu.driver;

/** Memory of a device. Closing waits for what the device is doing. */
public final class DeviceMemory extends Handle {
  private final long bytes;

  DeviceMemory(Context context, long address, long bytes) {
    super(context, address);
    this.bytes = bytes;
  }

  /**
   * How much it is.
   *
   * @return the number of bytes
   */
  public long bytes() {
    return bytes;
  }

  @Override
  void release(long released) {
    context().release(EntryPoint.MEMORY_FREE, released);
  }
}
