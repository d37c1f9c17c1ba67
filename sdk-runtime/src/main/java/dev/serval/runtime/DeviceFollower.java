package dev.serval.runtime;

import dev.serval.api.device.DeviceCondition;
import dev.serval.api.device.DeviceWatch;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Follows how the devices fare, on a thread for each watch, and tells the models whose device is of
 * no use any more.
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
    for (DeviceWatch watch : devices.watches()) {
      ends.add(
          CompletableFuture.runAsync(
              () -> follow(watch), task -> Thread.ofPlatform().daemon().name(name).start(task)));
    }
  }

  /** These models are to be told from now on. */
  void follow(List<Deployment> served) {
    models = List.copyOf(served);
  }

  private void follow(DeviceWatch watch) {
    try (watch) {
      while (!closed) {
        watch.work(PATIENCE);
        models.forEach(this::tell);
      }
    }
  }

  private void tell(Deployment model) {
    if (devices.condition(model.loaded().device())
        instanceof DeviceCondition.Unusable(String reason)) {
      model.condemn(reason);
    }
  }

  /** Ends the watches. Closing again does nothing. */
  @Override
  public void close() {
    closed = true;
    ends.forEach(end -> end.exceptionally(_ -> null).join());
  }
}
