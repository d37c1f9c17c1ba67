package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.Bytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Locale;
import java.util.UUID;

/** A device as the driver sees it. Immutable; usable from any thread. */
public final class CudaDevice {
  private static final int TEXT_BYTES = 256;
  private static final int UUID_BYTES = 16;

  private final Calls calls;
  private final int ordinal;
  private final int handle;

  CudaDevice(Calls calls, int ordinal) {
    this.calls = calls;
    this.ordinal = ordinal;
    this.handle = number(EntryPoint.DEVICE, ordinal);
  }

  /**
   * The device's place in the driver's order.
   *
   * @return from 0
   */
  public int ordinal() {
    return ordinal;
  }

  /**
   * Its maker's name for it.
   *
   * @return such as {@code NVIDIA H100 80GB HBM3}
   */
  public String name() {
    return text(EntryPoint.DEVICE_NAME);
  }

  /**
   * Where it sits.
   *
   * @return domain, bus, device and function, such as {@code 0000:3b:00.0}, in small letters
   */
  public String pciAddress() {
    return text(EntryPoint.DEVICE_PCI_ADDRESS).toLowerCase(Locale.ROOT);
  }

  /**
   * The device's identity, or the MIG instance's where it is one.
   *
   * @return what follows {@code GPU-} or {@code MIG-} in other tools
   */
  public UUID uuid() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(UUID_BYTES);
      calls.call(EntryPoint.DEVICE_UUID, out.address(), handle);
      ByteBuffer bytes = ByteBuffer.wrap(out.toArray(JAVA_BYTE));
      return new UUID(bytes.getLong(), bytes.getLong());
    }
  }

  /**
   * All of its memory.
   *
   * @return as the driver counts it
   */
  public Bytes memory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      calls.call(EntryPoint.DEVICE_TOTAL_MEMORY, out.address(), handle);
      return Bytes.of(out.get(JAVA_LONG, 0));
    }
  }

  /**
   * One of its attributes.
   *
   * @param attribute which
   * @return the value; 1 and 0 stand for yes and no
   */
  public int attribute(DeviceAttribute attribute) {
    return number(EntryPoint.DEVICE_ATTRIBUTE, attribute.number(), handle);
  }

  /**
   * The compute capability.
   *
   * @return 10 × major + minor, such as 90
   */
  public int capability() {
    return 10 * attribute(DeviceAttribute.COMPUTE_CAPABILITY_MAJOR)
        + attribute(DeviceAttribute.COMPUTE_CAPABILITY_MINOR);
  }

  /**
   * Whether this device can read and write another's memory by itself.
   *
   * @param other the other device
   * @return whether it can
   */
  public boolean reaches(CudaDevice other) {
    return ordinal != other.ordinal && number(EntryPoint.DEVICE_PEERS, handle, other.handle) != 0;
  }

  /**
   * The device's context, which all users within the process share. It is current on no thread yet.
   *
   * @return a context to be closed
   */
  public Context context() {
    return Context.retain(this, calls);
  }

  int handle() {
    return handle;
  }

  private int number(EntryPoint function, Object... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT);
      Object[] all = new Object[arguments.length + 1];
      all[0] = out.address();
      System.arraycopy(arguments, 0, all, 1, arguments.length);
      calls.call(function, all);
      return out.get(JAVA_INT, 0);
    }
  }

  private String text(EntryPoint function) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(TEXT_BYTES);
      calls.call(function, out.address(), TEXT_BYTES, handle);
      return out.getString(0);
    }
  }

  @Override
  public String toString() {
    return "CUDA device " + ordinal;
  }
}
