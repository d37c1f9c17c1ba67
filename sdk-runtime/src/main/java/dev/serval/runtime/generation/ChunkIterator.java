package dev.serval.runtime.generation;

import dev.serval.api.GenerationFailedException;
import dev.serval.api.TokenChunk;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/** Reads a generation by waiting. */
final class ChunkIterator implements Iterator<TokenChunk> {
  private final String id;
  private final ChunkBuffer buffer;
  private @Nullable TokenChunk next;

  ChunkIterator(String id, ChunkBuffer buffer) {
    this.id = id;
    this.buffer = buffer;
  }

  @Override
  public boolean hasNext() {
    while (next == null && !buffer.exhausted()) {
      await();
      next = buffer.poll();
    }
    GenerationFailedException failure = next == null ? buffer.failure() : null;
    if (failure != null) {
      throw failure;
    }
    return next != null;
  }

  @Override
  public TokenChunk next() {
    if (!hasNext() || next == null) {
      throw new NoSuchElementException("generation " + id + " has no more chunks");
    }
    TokenChunk chunk = next;
    next = null;
    return chunk;
  }

  private void await() {
    try {
      buffer.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      CancellationException interrupted =
          new CancellationException("interrupted while waiting for generation " + id);
      interrupted.initCause(e);
      throw interrupted;
    }
  }
}
