package dev.serval.runtime.generation;

import dev.serval.api.batching.EngineSequence;
import org.jspecify.annotations.Nullable;

/**
 * The handle on a sequence that may be wanted before the engine has given it, since a sink can hear
 * its first token sooner than the thread that submitted it has the handle.
 */
public final class PendingSequence implements EngineSequence {
  private @Nullable EngineSequence sequence;
  private boolean cancelled;
  private boolean resumed;

  /** A handle that nothing is behind yet. */
  public PendingSequence() {}

  /**
   * Takes the engine's handle, and catches up on what was asked before.
   *
   * @param handle what is asked from now on
   */
  public void bind(EngineSequence handle) {
    boolean cancel;
    boolean resume;
    synchronized (this) {
      sequence = handle;
      cancel = cancelled;
      resume = resumed;
    }
    if (cancel) {
      handle.cancel();
    }
    if (resume) {
      handle.resume();
    }
  }

  /**
   * Whether it was cancelled by whoever holds this.
   *
   * @return whether {@link #cancel} was called
   */
  public synchronized boolean isCancelled() {
    return cancelled;
  }

  @Override
  public void cancel() {
    EngineSequence handle;
    synchronized (this) {
      cancelled = true;
      handle = sequence;
    }
    if (handle != null) {
      handle.cancel();
    }
  }

  @Override
  public void resume() {
    EngineSequence handle;
    synchronized (this) {
      resumed = true;
      handle = sequence;
    }
    if (handle != null) {
      handle.resume();
    }
  }
}
