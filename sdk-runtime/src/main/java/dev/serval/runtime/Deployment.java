package dev.serval.runtime;

import dev.serval.api.LoadListener;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceGoneException;
import dev.serval.runtime.metrics.ModelMeters;
import dev.serval.runtime.relocation.RelocatableEngine;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A model that is served, wherever it runs. When its device is lost it is placed anew among the
 * others, as its preference allows; when a device that it had to leave is well again it goes back
 * there. A thread of its own does either, and lets the model generate a little in its new place
 * before requests go there.
 *
 * <pre>
 *               ┌──no place for it──▶ LOST ──a device is well──┐
 *               │                                              ▼
 *   SERVED ──gone──▶ MOVING ◀───────────────────────────────────
 *     ▲ │            │   ▲
 *     │ │            │   └──gone──┐
 *     │ └──one that was left is well──▶ RETURNING
 *     └──loaded there─┴───────────────────┘         CLOSED from any
 * </pre>
 *
 * While it moves, requests wait. While it returns, they are served where it still is; those that
 * have begun there end there. A model that is lost fails each request, saying what happened and why
 * it could not go elsewhere.
 */
final class Deployment implements AutoCloseable {
  private static final Duration LONGEST_PAUSE = Duration.ofHours(1);
  private static final long GLANCE_NANOS = 20_000_000;

  /** What becomes of a model. */
  private enum State {
    SERVED,
    MOVING,
    RETURNING,
    LOST,
    CLOSED
  }

  private final ModelAssembly assembly;
  private final LoadedModel.Stored stored;
  private final @Nullable ModelMeters meters;

  /** What is said of the devices that were left, the one to be preferred first. */
  private final Map<String, String> left = new LinkedHashMap<>();

  private final RelocatableEngine engine;
  private Residence residence;
  private State state = State.SERVED;
  private @Nullable DeviceGoneException reason;
  private Instant nextAttempt = Instant.MIN;
  private Duration pause;
  private CompletableFuture<Void> moved = CompletableFuture.completedFuture(null);
  private volatile LoadedModel loaded;

  /**
   * Serves a model.
   *
   * @param assembly puts it together elsewhere
   * @param stored what was read
   * @param meters measure it, or null
   * @param first where it is
   */
  Deployment(
      ModelAssembly assembly,
      LoadedModel.Stored stored,
      @Nullable ModelMeters meters,
      Residence first) {
    this.assembly = assembly;
    this.stored = stored;
    this.meters = meters;
    pause = assembly.options().returnAfter();
    residence = first;
    engine = new RelocatableEngine(stored.name(), first.engine(), assembly.options().nanoClock());
    loaded = assembly.loaded(stored, first.home(), engine, meters);
    first.whenGone(why -> gone(first, why));
  }

  /** The model where it is at the moment. */
  LoadedModel loaded() {
    return loaded;
  }

  /** The device is said to be of no use. */
  synchronized void condemn(String why) {
    gone(residence, new DeviceGoneException(loaded.device(), why, null));
  }

  /** A device is lost. Called by the engine's thread, and by whoever follows devices. */
  private synchronized void gone(Residence where, DeviceGoneException why) {
    if (where != residence || (state != State.SERVED && state != State.RETURNING)) {
      return;
    }
    boolean returning = state == State.RETURNING;
    Device device = where.home().device();
    left.put(device.id(), device.id() + " was left: " + why.reason());
    where.condemn(why);
    beginMoving(why);
    if (!returning) {
      begin(() -> move(why));
    }
  }

  private void beginMoving(DeviceGoneException why) {
    state = State.MOVING;
    reason = why;
    engine.leave(why);
  }

  private void begin(Runnable work) {
    String thread = "serval-" + assembly.options().name() + "-" + stored.name() + "-move";
    CompletableFuture<Void> next =
        CompletableFuture.runAsync(
            work, task -> Thread.ofPlatform().daemon().name(thread).start(task));
    moved = CompletableFuture.allOf(moved, next);
  }

  private EngineListener steps() {
    return meters == null ? EngineListener.NONE : meters.engine();
  }

  private void move(DeviceGoneException why) {
    try {
      arrive(assembly.settle(stored, avoided(), LoadListener.NONE, steps()));
    } catch (RuntimeException | Error e) {
      stay(why, e);
    }
  }

  /** What was left and is not well again. */
  private synchronized Map<String, String> avoided() {
    Map<String, String> avoided = new LinkedHashMap<>(left);
    avoided.keySet().removeIf(assembly::isWell);
    return avoided;
  }

  /** Goes on in a new place, after those who are still in the old one have left it or ended. */
  private void arrive(Residence next) {
    Residence before = takeOver(next);
    if (before == null) {
      leaveQuietly(residenceNow());
      settle(next);
    } else {
      letRunOut(before);
    }
  }

  /** Where the model is on its way back: the place that it comes from, else null. */
  private synchronized @Nullable Residence takeOver(Residence next) {
    if (state != State.RETURNING) {
      return null;
    }
    Residence before = residence;
    moveInto(next);
    return before;
  }

  private synchronized Residence residenceNow() {
    return residence;
  }

  private void settle(Residence next) {
    boolean late;
    synchronized (this) {
      late = state == State.CLOSED;
      if (!late) {
        moveInto(next);
      }
    }
    if (late) {
      next.leave();
    }
  }

  private void moveInto(Residence next) {
    residence = next;
    state = State.SERVED;
    loaded = assembly.loaded(stored, next.home(), engine, meters);
    String device = next.home().device().id();
    forget(device);
    engine.settle(next.engine());
    next.whenGone(why -> gone(next, why));
  }

  /** A device has its model back: those that were left after it are no longer to be preferred. */
  private void forget(String device) {
    boolean found = false;
    for (String id : List.copyOf(left.keySet())) {
      found |= id.equals(device);
      if (found) {
        left.remove(id);
      }
    }
    if (found) {
      pause = assembly.options().returnAfter();
    }
  }

  /** Waits for those who have begun where the model was. */
  private void letRunOut(Residence before) {
    while (!before.isEmpty() && !isClosed()) {
      LockSupport.parkNanos(GLANCE_NANOS);
    }
    leaveQuietly(before);
  }

  private synchronized boolean isClosed() {
    return state == State.CLOSED;
  }

  /** What is on a lost device cannot be closed in good order. */
  private static void leaveQuietly(Residence where) {
    try {
      where.leave();
    } catch (RuntimeException e) {
      Thread thread = Thread.currentThread();
      thread.getUncaughtExceptionHandler().uncaughtException(thread, e);
    }
  }

  private void stay(DeviceGoneException why, Throwable obstacle) {
    leaveQuietly(residenceNow());
    synchronized (this) {
      if (state == State.CLOSED) {
        return;
      }
      state = State.LOST;
      engine.lose(
          new DeviceGoneException(
              loaded.device(), why.reason() + "; it cannot move: " + obstacle.getMessage(), why));
    }
  }

  /** Goes back to a device that was left and is well again. Called by whoever follows devices. */
  synchronized void comeBack() {
    if ((state != State.SERVED && state != State.LOST) || now().isBefore(nextAttempt)) {
      return;
    }
    left.keySet().stream().filter(assembly::isWell).findFirst().ifPresent(this::beginComingBack);
  }

  private void beginComingBack(String device) {
    if (state == State.SERVED) {
      state = State.RETURNING;
    } else {
      beginMoving(Objects.requireNonNull(reason));
    }
    begin(() -> comeBackTo(device));
  }

  private void comeBackTo(String device) {
    try {
      arrive(assembly.settleAgain(stored, device, steps()));
    } catch (RuntimeException | Error e) {
      stayForNow();
    }
  }

  /** It could not go back: it stays, or has to go elsewhere by now. */
  private void stayForNow() {
    DeviceGoneException why;
    synchronized (this) {
      postpone();
      if (state == State.RETURNING) {
        state = State.SERVED;
      }
      if (state != State.MOVING) {
        return;
      }
      why = Objects.requireNonNull(reason);
    }
    move(why);
  }

  /** Each attempt that fails makes the next one wait twice as long. */
  private void postpone() {
    nextAttempt = now().plus(pause);
    pause = pause.multipliedBy(2);
    if (pause.compareTo(LONGEST_PAUSE) > 0) {
      pause = LONGEST_PAUSE;
    }
  }

  private Instant now() {
    return assembly.options().clock().instant();
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
    residenceNow().leave();
  }
}
