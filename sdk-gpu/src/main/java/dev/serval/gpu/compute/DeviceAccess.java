package dev.serval.gpu.compute;

import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceGoneException;
import dev.serval.api.gpu.RegionPool;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DeviceLostException;
import dev.serval.gpu.driver.HostMemory;
import dev.serval.gpu.driver.Stream;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A backend's way to its device: the context that all it has there belongs to, the stream in whose
 * order every launch, copy and fill takes effect, memory there, and copies to it and from it. Tells
 * of a device that is lost in the host's words.
 */
final class DeviceAccess {
  private static final long UPLOAD_PIECE = 1 << 20;

  private final Device device;
  private final Context context;
  private final Stream stream;
  private final RegionPool room;
  private @Nullable Upload upload;

  /**
   * By a context, which is put in place, and a stream of it.
   *
   * @param room the backend's memory on the device
   */
  DeviceAccess(Device device, Context context, RegionPool room) {
    this.device = device;
    this.context = context;
    this.room = room;
    context.attach();
    stream = context.stream();
  }

  Device device() {
    return device;
  }

  Context context() {
    return context;
  }

  Stream stream() {
    return stream;
  }

  RegionPool room() {
    return room;
  }

  /** Another backend on this thread may have put its own context in place, or taken ours away. */
  void attach() {
    context.attach();
  }

  /** Refuses to go on with a device that is lost. */
  void requireDevice() {
    Optional<DeviceLostException> lost = context.lost();
    if (lost.isPresent()) {
      throw gone(lost.get());
    }
  }

  /** What is thrown when the device turns out to be lost. */
  DeviceGoneException gone(DeviceLostException e) {
    return new DeviceGoneException(device, String.valueOf(e.getMessage()), e);
  }

  /** Copies to the host what the device wrote, and waits for it. */
  void fetch(long target, long source, long bytes) {
    attach();
    requireDevice();
    try {
      stream.copyToHost(target, source, bytes);
      stream.synchronize();
    } catch (DeviceLostException e) {
      throw gone(e);
    }
  }

  /** Memory of the host that the device reaches, for the backend's life. */
  HostMemory pinned(long bytes) {
    attach();
    return context.allocateHost(bytes);
  }

  /** Brings what a source writes to the device. */
  void upload(long target, long bytes, Upload.Source source) {
    Upload pieces = upload;
    if (pieces == null) {
      pieces = new Upload(context, stream, UPLOAD_PIECE);
      upload = pieces;
    }
    pieces.all(target, bytes, source);
  }
}
