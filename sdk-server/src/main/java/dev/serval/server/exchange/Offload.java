package dev.serval.server.exchange;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;

/** Where work goes that is too long for an event loop. */
@FunctionalInterface
public interface Offload {
  /**
   * Does some work elsewhere.
   *
   * @param context where the future's handlers run
   * @param work the work
   * @return what it gives
   */
  <T> Future<T> call(Context context, Callable<T> work);

  /** Onto the context's own worker pool, in no order. */
  static Offload workerPool() {
    return new Offload() {
      @Override
      public <T> Future<T> call(Context context, Callable<T> work) {
        return context.executeBlocking(work, false).map(Objects::requireNonNull);
      }
    };
  }

  /** Onto an executor of the host's. */
  static Offload to(Executor executor) {
    return new Offload() {
      @Override
      public <T> Future<T> call(Context context, Callable<T> work) {
        Promise<T> promise = Promise.promise();
        try {
          executor.execute(() -> run(context, work, promise));
        } catch (RejectedExecutionException full) {
          promise.fail(full);
        }
        return promise.future();
      }
    };
  }

  private static <T> void run(Context context, Callable<T> work, Promise<T> promise) {
    try {
      T value = work.call();
      context.runOnContext(v -> promise.complete(value));
    } catch (Throwable failure) {
      context.runOnContext(v -> promise.fail(failure));
    }
  }
}
