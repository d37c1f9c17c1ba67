package dev.serval.server.exchange;

import org.jspecify.annotations.Nullable;

/**
 * The end of an exchange, and what has to be undone then. A worker leaves that before it looks
 * whether the exchange is over, and the end is set before it looks for what was left: so one of the
 * two undoes it, perhaps both, even if the exchange's context runs nothing any more.
 */
final class Ending {
  private volatile boolean over;
  private volatile @Nullable Runnable undoing;

  /** Whether it is over; true for good once it is. On any thread. */
  boolean over() {
    return over;
  }

  /** Leaves what may be run more than once, and is when the exchange is over; on a worker. */
  void leave(Runnable undo) {
    undoing = undo;
    if (over) {
      undo.run();
    }
  }

  /** Is over; on the context. */
  void end() {
    over = true;
    Runnable left = undoing;
    if (left != null) {
      left.run();
    }
  }
}
