package dev.serval.runtime.generation;

import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;

/**
 * Where subscribers are called and results are completed, so that no code of the application runs
 * on an engine's thread. An executor that refuses work is stood in for by a virtual thread: a
 * result that is never delivered would leave its caller waiting.
 *
 * @param executor the application's choice
 */
public record Delivery(Executor executor) implements Executor {
  /**
   * A virtual thread for each delivery.
   *
   * @return the default
   */
  public static Delivery onVirtualThreads() {
    return new Delivery(Delivery::startVirtual);
  }

  @Override
  public void execute(Runnable task) {
    try {
      executor.execute(task);
    } catch (RejectedExecutionException e) {
      startVirtual(task);
    }
  }

  private static void startVirtual(Runnable task) {
    Thread.ofVirtual().name("serval-delivery").start(task);
  }
}
