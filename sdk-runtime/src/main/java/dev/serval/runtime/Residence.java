package dev.serval.runtime;

import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.device.DeviceGoneException;
import dev.serval.api.model.ModelExecutor;
import dev.serval.runtime.relocation.GuardedExecutor;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A model at work in a home: with an engine of its own, over an executor that finds out when the
 * device is lost.
 */
final class Residence {
  private final Home home;
  private final Consumer<DeviceGoneException> whenLost;
  private final GuardedExecutor executor;
  private @Nullable Engine engine;
  private @Nullable DeviceGoneException lost;
  private @Nullable Consumer<DeviceGoneException> resident;
  private boolean over;

  /**
   * In a home, without an engine yet.
   *
   * @param home where
   * @param whenLost told when a step finds that the device is lost, before anybody else
   */
  Residence(Home home, Consumer<DeviceGoneException> whenLost) {
    this.home = home;
    this.whenLost = whenLost;
    executor = new GuardedExecutor(home.computing().executor(), this::gone);
  }

  /** Computes its steps. */
  ModelExecutor executor() {
    return executor;
  }

  /** The engine runs, and is ended when the model leaves. */
  void begin(Engine started) {
    engine = started;
  }

  Home home() {
    return home;
  }

  Engine engine() {
    return Objects.requireNonNull(engine);
  }

  private void gone(DeviceGoneException reason) {
    whenLost.accept(reason);
    Consumer<DeviceGoneException> told;
    synchronized (this) {
      lost = reason;
      told = resident;
    }
    if (told != null) {
      told.accept(reason);
    }
  }

  /** Who is told when the device is lost; at once where it is already. */
  void whenGone(Consumer<DeviceGoneException> listener) {
    DeviceGoneException known;
    synchronized (this) {
      resident = listener;
      known = lost;
    }
    if (known != null) {
      listener.accept(known);
    }
  }

  /** Lets each step fail from now on. */
  void condemn(DeviceGoneException reason) {
    executor.condemn(reason);
  }

  /** Whether nobody is in the engine. */
  boolean isEmpty() {
    EngineLoad load = engine().load();
    return load.waiting() == 0 && load.running() == 0;
  }

  /** Ends the engine, then gives up what is on the device. Again does nothing. */
  void leave() {
    synchronized (this) {
      if (over) {
        return;
      }
      over = true;
    }
    try {
      if (engine != null) {
        engine.close();
      }
    } finally {
      home.parts().close();
    }
  }

  /** Leaves because of a failure, which keeps what fails at that. */
  void leaveAfter(Throwable failure) {
    try {
      leave();
    } catch (RuntimeException | Error e) {
      failure.addSuppressed(e);
    }
  }
}
