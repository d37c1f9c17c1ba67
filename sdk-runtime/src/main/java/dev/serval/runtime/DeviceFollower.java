package dev.serval.runtime;

import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceCondition;
import dev.serval.api.device.DeviceWatch;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;

/**
 * Follows how the devices fare, on a thread for each watch, and tells the models whose device is of
 * no use any more, or is of use again. Where devices are watched by nobody, a thread looks now and
 * then whether one that was lost is found again.
 */
final class DeviceFollower implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMillis(100);

  private final DeviceInventory devices;
  private final List<CompletableFuture<Void>> ends = new ArrayList<>();
  private volatile List<Deployment> models = List.of();
  private volatile boolean closed;

  DeviceFollower(String runtime, DeviceInventory devices) {
    this.devices = devices;
    String name = "serval-" + runtime + "-devices";
    for (DeviceWatch watch : watches(devices)) {
      ends.add(
          CompletableFuture.runAsync(
              () -> follow(watch), task -> Thread.ofPlatform().daemon().name(name).start(task)));
    }
  }

  private static List<DeviceWatch> watches(DeviceInventory devices) {
    return devices.watches().isEmpty() && devices.hasAccelerators()
        ? List.of(new Pause())
        : devices.watches();
  }

  /** A watch that sees nothing. */
  private static final class Pause implements DeviceWatch {
    @Override
    public int work(Duration patience) {
      LockSupport.parkNanos(patience.toNanos());
      return 0;
    }

    @Override
    public DeviceCondition condition(Device device) {
      return DeviceCondition.GOOD;
    }

    @Override
    public void close() {}
  }

  /** These models are to be told from now on. */
  void follow(List<Deployment> served) {
    models = List.copyOf(served);
  }

  private void follow(DeviceWatch watch) {
    try (watch) {
      while (!closed) {
        watch.work(PATIENCE);
        devices.recover();
        models.forEach(this::tell);
      }
    }
  }

  private void tell(Deployment model) {
    if (devices.condition(model.loaded().device())
        instanceof DeviceCondition.Unusable(String reason)) {
      model.condemn(reason);
    } else {
      model.comeBack();
    }
  }

  /** Ends the watches. Closing again does nothing. */
  @Override
  public void close() {
    closed = true;
    ends.forEach(end -> end.exceptionally(_ -> null).join());
  }
}
