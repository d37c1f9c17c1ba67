package dev.serval.runtime;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * What was opened so far, to be closed in the opposite order. Everything is closed, whatever fails
 * on the way; the first failure is thrown with the others attached.
 */
final class OpenedParts implements AutoCloseable {
  private final ArrayDeque<AutoCloseable> parts = new ArrayDeque<>();

  /** Remembers a part, the first to be closed from now on. */
  <T extends AutoCloseable> T opened(T part) {
    parts.push(part);
    return part;
  }

  /** Closes everything because of a failure, which keeps what fails at that. */
  void closeAfter(Throwable failure) {
    Throwable another = closeAll();
    if (another != null) {
      failure.addSuppressed(another);
    }
  }

  @Override
  public void close() {
    Throwable failure = closeAll();
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
    if (failure != null) {
      throw new IllegalStateException("a part of the runtime could not be closed", failure);
    }
  }

  private @Nullable Throwable closeAll() {
    Throwable first = null;
    while (!parts.isEmpty()) {
      try {
        parts.pop().close();
      } catch (Throwable t) {
        if (t instanceof InterruptedException) {
          Thread.currentThread().interrupt();
        }
        if (first == null) {
          first = t;
        } else {
          first.addSuppressed(t);
        }
      }
    }
    return first;
  }
}
