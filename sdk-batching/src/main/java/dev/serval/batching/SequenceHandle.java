package dev.serval.batching;

import dev.serval.api.batching.EngineSequence;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The part of a sequence that its callers and its engine share: what the callers want of it, and
 * its place in the {@link Inbox}. It lies there at most once, however often it is called.
 */
final class SequenceHandle implements EngineSequence {
  static final int SUBMIT = 1;
  static final int CANCEL = 2;
  static final int RESUME = 4;
  private static final int IN_THE_INBOX = 8;

  final Sequence sequence;
  @Nullable SequenceHandle next;
  private final Inbox inbox;
  private final AtomicInteger wishes = new AtomicInteger();

  SequenceHandle(Sequence sequence, Inbox inbox) {
    this.sequence = sequence;
    this.inbox = inbox;
  }

  void submit() {
    wish(SUBMIT);
  }

  @Override
  public void cancel() {
    wish(CANCEL);
  }

  @Override
  public void resume() {
    wish(RESUME);
  }

  private void wish(int wish) {
    if ((wishes.getAndUpdate(now -> now | wish | IN_THE_INBOX) & IN_THE_INBOX) == 0) {
      inbox.put(this);
    }
  }

  /** Takes the wishes; called by the engine once it has taken the handle out of the inbox. */
  int takeWishes() {
    return wishes.getAndSet(0);
  }

  /** Drops a resumption that was wished for before there was a pause it could end. */
  void dropStaleResumption() {
    if ((wishes.get() & RESUME) != 0) {
      wishes.getAndUpdate(now -> now & ~RESUME);
    }
  }
}
