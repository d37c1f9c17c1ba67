package dev.serval.runtime;

import dev.serval.api.LoadListener;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceGoneException;
import dev.serval.runtime.metrics.ModelMeters;
import dev.serval.runtime.relocation.GuardedExecutor;
import dev.serval.runtime.relocation.RelocatableEngine;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A model that is served, wherever it runs. When its device is lost it is placed anew among the
 * others, as its preference allows, by a thread of its own:
 *
 * <pre>
 *   SERVED ──gone──▶ MOVING ──loaded elsewhere──▶ SERVED
 *     │                │  └───no place for it───▶ LOST
 *     └─────close──────┴──────────close───────────┴─▶ CLOSED
 * </pre>
 *
 * A model that is lost fails each request, saying what happened and why it could not go elsewhere.
 */
final class Deployment implements AutoCloseable {
  /** What becomes of a model. */
  private enum State {
    SERVED,
    MOVING,
    LOST,
    CLOSED
  }

  private final ModelAssembly assembly;
  private final LoadedModel.Stored stored;
  private final @Nullable ModelMeters meters;
  private final Map<String, String> left = new LinkedHashMap<>();
  private final RelocatableEngine engine;
  private Home home;
  private GuardedExecutor executor;
  private Engine current;
  private State state = State.SERVED;
  private CompletableFuture<Void> moved = CompletableFuture.completedFuture(null);
  private volatile LoadedModel loaded;

  private Deployment(
      ModelAssembly assembly, LoadedModel.Stored stored, @Nullable ModelMeters meters, Home first) {
    this.assembly = assembly;
    this.stored = stored;
    this.meters = meters;
    home = first;
    executor = guarded(first);
    current = start(first, executor);
    engine = new RelocatableEngine(stored.name(), current, assembly.options().nanoClock());
    loaded = assembly.loaded(stored, first, engine, meters);
  }

  /** Places a model, loads it and starts its engine. */
  static Deployment begin(
      ModelAssembly assembly, LoadedModel.Stored stored, @Nullable ModelMeters meters) {
    Home first = assembly.settle(stored, Map.of(), assembly.options().loadListener());
    try {
      return new Deployment(assembly, stored, meters, first);
    } catch (RuntimeException | Error e) {
      first.parts().closeAfter(e);
      throw e;
    }
  }

  private GuardedExecutor guarded(Home where) {
    return new GuardedExecutor(where.computing().executor(), this::gone);
  }

  private Engine start(Home where, GuardedExecutor by) {
    EngineListener listener = meters == null ? EngineListener.NONE : meters.engine();
    return assembly.start(stored, where, by, listener);
  }

  /** The model where it is at the moment. */
  LoadedModel loaded() {
    return loaded;
  }

  /** The device is lost. Called by the engine's thread, and by whoever follows devices. */
  private synchronized void gone(DeviceGoneException reason) {
    if (state != State.SERVED) {
      return;
    }
    state = State.MOVING;
    engine.leave(reason);
    executor.condemn(reason);
    Device device = loaded.device();
    left.put(device.id(), device.id() + " was left: " + reason.reason());
    String thread = "serval-" + assembly.options().name() + "-" + stored.name() + "-move";
    moved =
        CompletableFuture.runAsync(
            () -> move(reason), task -> Thread.ofPlatform().daemon().name(thread).start(task));
  }

  /** The device is said to be of no use. */
  void condemn(String reason) {
    gone(new DeviceGoneException(loaded.device(), reason, null));
  }

  private void move(DeviceGoneException reason) {
    try {
      moveTo(assembly.settle(stored, left, LoadListener.NONE));
    } catch (RuntimeException | Error e) {
      stay(reason, e);
    }
  }

  private void moveTo(Home next) {
    try {
      current.close();
      closeQuietly(home);
      settle(next);
    } catch (RuntimeException | Error e) {
      next.parts().closeAfter(e);
      throw e;
    }
  }

  /** What is on a lost device cannot be closed in good order. */
  private void closeQuietly(Home where) {
    assembly.giveBack(stored, where.placed());
    try {
      where.parts().close();
    } catch (RuntimeException e) {
      Thread thread = Thread.currentThread();
      thread.getUncaughtExceptionHandler().uncaughtException(thread, e);
    }
  }

  private synchronized void settle(Home next) {
    if (state == State.CLOSED) {
      next.parts().close();
      return;
    }
    home = next;
    executor = guarded(next);
    current = start(next, executor);
    engine.settle(current);
    loaded = assembly.loaded(stored, next, engine, meters);
    state = State.SERVED;
  }

  private synchronized void stay(DeviceGoneException reason, Throwable why) {
    if (state == State.CLOSED) {
      return;
    }
    state = State.LOST;
    executor.condemn(
        new DeviceGoneException(
            loaded.device(), reason.reason() + "; it cannot move: " + why.getMessage(), reason));
    engine.settle(current);
  }

  /** Ends its requests and gives up all that it has. Closing again does nothing. */
  @Override
  public void close() {
    CompletableFuture<Void> moving;
    synchronized (this) {
      state = State.CLOSED;
      moving = moved;
    }
    engine.close();
    moving.exceptionally(_ -> null).join();
    home.parts().close();
  }
}
