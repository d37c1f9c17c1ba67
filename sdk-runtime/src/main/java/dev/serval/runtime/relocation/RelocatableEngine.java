package dev.serval.runtime.relocation;

import dev.serval.api.FinishReason;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.batching.Applicant;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.device.DeviceGoneException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/*
 * The engine of a model that can move from one device to another.
 *
 *              leave                settle
 *   [ in an engine ] ──▶ [ on the way ] ──▶ [ in the next ]
 *     │        ▲                │  ▲
 *     └ settle ┘           lose ▼  │ leave
 *                           [ lost ]
 *
 * On the way nobody is refused for it. Sequences that come are kept, as are those that the engine
 * that was left gives back without a token: they go to the engine where the model settles, and their
 * callers notice nothing but time. A sequence that has had tokens ends with what was said on leaving:
 * other devices compute other bits, and its reader has seen the old ones.
 *
 * Who settles elsewhere without having left goes on with two engines: what comes goes to the new one,
 * what is in the old one ends there. Who is lost ends each sequence with what happened.
 *
 * A sink is called by one thread at a time: whoever settles after leaving, or is lost, has closed the
 * engine that was left.
 */
/** An engine that stands for whichever a model has at the moment. */
public final class RelocatableEngine implements Engine {
  private static final int MOST_KEPT = 1024;

  private final String name;
  private final LongSupplier clock;
  private final List<MovableSequence> kept = new ArrayList<>();
  private final List<Engine> runningOut = new ArrayList<>();
  private Engine engine;
  private @Nullable DeviceGoneException left;
  private @Nullable DeviceGoneException lost;
  private boolean draining;
  private boolean closed;

  /**
   * In its first engine.
   *
   * @param name of the model, for messages
   * @param engine where its sequences go until it {@linkplain #leave leaves}
   * @param clock nanoseconds, as the engine reads them
   */
  public RelocatableEngine(String name, Engine engine, LongSupplier clock) {
    this.name = name;
    this.engine = engine;
    this.clock = clock;
  }

  /**
   * Keeps sequences from now on. Called by any thread.
   *
   * @param reason what sequences hear that cannot move
   */
  public synchronized void leave(DeviceGoneException reason) {
    left = reason;
    lost = null;
  }

  /**
   * Ends what was kept, and all that comes until it {@linkplain #leave leaves} again. The engine
   * that was left is closed.
   *
   * @param reason what sequences hear
   */
  public void lose(DeviceGoneException reason) {
    List<MovableSequence> homeless;
    synchronized (this) {
      left = null;
      lost = reason;
      homeless = takeKept();
    }
    homeless.forEach(sequence -> sequence.fail(reason));
  }

  /**
   * Hands what was kept to an engine, and gives it all that comes. An engine that was left is
   * closed; one that was not goes on with what it has, until whoever settles closes it.
   *
   * @param next the engine
   */
  public void settle(Engine next) {
    List<MovableSequence> moving;
    boolean over;
    synchronized (this) {
      if (left == null && lost == null) {
        engine.drain();
        runningOut.add(engine);
      }
      engine = next;
      left = null;
      lost = null;
      moving = takeKept();
      over = draining;
    }
    moving.forEach(sequence -> sequence.handOver(next));
    if (over) {
      next.drain();
    }
  }

  private List<MovableSequence> takeKept() {
    List<MovableSequence> all = List.copyOf(kept);
    kept.clear();
    return all;
  }

  @Override
  public EngineSequence submit(SequenceRequest request, TokenSink sink) {
    return submit(new MovableSequence(this, request, sink, clock.getAsLong(), false));
  }

  @Override
  public EngineSequence submitFurther(SequenceRequest request, TokenSink sink) {
    return submit(new MovableSequence(this, request, sink, clock.getAsLong(), true));
  }

  private EngineSequence submit(MovableSequence sequence) {
    boolean done = false;
    while (!done) {
      done = trySubmit(sequence);
    }
    return sequence;
  }

  private boolean trySubmit(MovableSequence sequence) {
    Engine now;
    DeviceGoneException end;
    synchronized (this) {
      if (isOnTheWay()) {
        requireRoom();
        kept.add(sequence);
        return true;
      }
      now = engine;
      end = closed ? null : lost;
    }
    if (end != null) {
      sequence.fail(end);
      return true;
    }
    try {
      sequence.submit(now);
      return true;
    } catch (RequestRejectedException e) {
      if (e.reason() == Reason.CLOSING && isOver(now)) {
        return false;
      }
      throw e;
    }
  }

  /** Whether it is only this engine that takes no more. */
  private synchronized boolean isOver(Engine one) {
    return !closed && !draining && (left != null || lost != null || !engine.equals(one));
  }

  @Override
  public void requireAdmission(Applicant applicant) {
    Engine now;
    synchronized (this) {
      if (isOnTheWay()) {
        requireRoom();
        return;
      }
      if (lost != null && !closed) {
        return;
      }
      now = engine;
    }
    try {
      now.requireAdmission(applicant);
    } catch (RequestRejectedException e) {
      if (e.reason() != Reason.CLOSING || !isOver(now)) {
        throw e;
      }
    }
  }

  private boolean isOnTheWay() {
    return left != null && !closed;
  }

  private void requireRoom() {
    if (draining) {
      throw new RequestRejectedException(Reason.CLOSING, name + " takes no more requests", null);
    }
    if (kept.size() >= MOST_KEPT) {
      throw new RequestRejectedException(
          Reason.OVERLOADED,
          "%d requests wait for %s to move to another device".formatted(MOST_KEPT, name),
          null);
    }
  }

  /**
   * Keeps a sequence that its engine gives back because the model leaves.
   *
   * @return null where it was kept; else the outcome that its sink is to hear
   */
  synchronized @Nullable SequenceOutcome keep(MovableSequence sequence, SequenceOutcome outcome) {
    DeviceGoneException reason = left;
    if (reason == null || closed || sequence.isCancelled() || !isOfLeaving(outcome)) {
      return outcome;
    }
    if (sequence.hasTokens()) {
      return MovableSequence.failed(outcome, reason);
    }
    kept.add(sequence);
    return null;
  }

  /** An engine that is closed cancels what it could not run, such as sequences that are paused. */
  private static boolean isOfLeaving(SequenceOutcome outcome) {
    return outcome.failure() instanceof DeviceGoneException
        || (outcome.failure() == null && outcome.reason() == FinishReason.CANCELLED);
  }

  /** What time it is. */
  long nanos() {
    return clock.getAsLong();
  }

  private synchronized Engine current() {
    return engine;
  }

  @Override
  public int maxSequenceTokens() {
    return current().maxSequenceTokens();
  }

  @Override
  public EngineLoad load() {
    EngineLoad load = current().load();
    int waiting;
    int running = 0;
    synchronized (this) {
      waiting = kept.size();
      for (Engine old : runningOut) {
        waiting += old.load().waiting();
        running += old.load().running();
      }
      runningOut.removeIf(RelocatableEngine::isEmpty);
    }
    return waiting + running == 0
        ? load
        : new EngineLoad(
            load.waiting() + waiting,
            load.running() + running,
            load.freeBlocks(),
            load.totalBlocks(),
            load.queues(),
            load.prefillTokensPerSecond());
  }

  private static boolean isEmpty(Engine one) {
    EngineLoad load = one.load();
    return load.waiting() + load.running() == 0;
  }

  @Override
  public void drain() {
    synchronized (this) {
      draining = true;
    }
    current().drain();
  }

  @Override
  public void close() {
    List<Engine> all;
    synchronized (this) {
      closed = true;
      all = new ArrayList<>(runningOut);
      all.add(engine);
      runningOut.clear();
    }
    all.forEach(Engine::close);
    List<MovableSequence> homeless;
    synchronized (this) {
      homeless = takeKept();
    }
    homeless.forEach(sequence -> sequence.cancelAt(clock.getAsLong()));
  }
}
