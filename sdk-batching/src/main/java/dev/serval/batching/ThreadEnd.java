package dev.serval.batching;

/** The end of a thread, waited for by who must not leave before it. */
final class ThreadEnd {
  private ThreadEnd() {}

  /** Waits for it. An interruption is kept until then. */
  static void await(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
