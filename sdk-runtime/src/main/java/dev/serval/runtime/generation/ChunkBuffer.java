package dev.serval.runtime.generation;

import dev.serval.api.GenerationFailedException;
import dev.serval.api.TokenChunk;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.TokenSink.Verdict;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The chunks between an engine and the one reader of a generation.
 *
 * <p>The engine's thread puts chunks in and never waits. From the moment as many tokens lie here as
 * the buffer has room for, each sequence that puts one more in is paused, and all of them are
 * resumed when the reader has taken half. Nothing pauses once they were {@linkplain #letRun() let
 * run} and no reader is there. Usable from any thread; nothing but bookkeeping happens under its
 * lock.
 */
final class ChunkBuffer {
  private final int capacity;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition arrival = lock.newCondition();
  private final ArrayDeque<TokenChunk> chunks = new ArrayDeque<>();
  private List<EngineSequence> paused = new ArrayList<>();
  private int tokens;
  private boolean unread = true;
  private boolean run;
  private boolean ended;
  private boolean discarding;
  private @Nullable GenerationFailedException failure;
  private Runnable signal = () -> {};

  /**
   * An empty buffer.
   *
   * @param capacity how many tokens a reader may lag behind
   */
  ChunkBuffer(int capacity) {
    this.capacity = capacity;
  }

  /**
   * Puts a chunk in.
   *
   * @param chunk the chunk
   * @param sequence what is paused if there is no room for more
   * @return whether the sequence may go on
   */
  Verdict put(TokenChunk chunk, EngineSequence sequence) {
    Runnable wake;
    Verdict verdict = Verdict.CONTINUE;
    lock.lock();
    try {
      if (discarding) {
        return verdict;
      }
      chunks.add(chunk);
      tokens += chunk.tokenIds().size();
      if (tokens >= capacity && !(unread && run)) {
        paused.add(sequence);
        verdict = Verdict.PAUSE;
      }
      arrival.signal();
      wake = signal;
    } finally {
      lock.unlock();
    }
    wake.run();
    return verdict;
  }

  /**
   * Ends the stream.
   *
   * @param reason what failed, or null
   */
  void end(@Nullable GenerationFailedException reason) {
    Runnable wake;
    lock.lock();
    try {
      ended = true;
      failure = reason;
      arrival.signal();
      wake = signal;
    } finally {
      lock.unlock();
    }
    wake.run();
  }

  /** Lets the sequences run for as long as there is no reader. */
  void letRun() {
    List<EngineSequence> resumed = List.of();
    lock.lock();
    try {
      run = true;
      if (unread) {
        resumed = takePaused();
      }
    } finally {
      lock.unlock();
    }
    resumed.forEach(EngineSequence::resume);
  }

  /**
   * Makes the caller the reader.
   *
   * @param wake called, outside the lock, when something has arrived
   * @return false if there is a reader already
   */
  boolean claim(Runnable wake) {
    lock.lock();
    try {
      if (!unread) {
        return false;
      }
      unread = false;
      signal = wake;
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes the next chunk.
   *
   * @return the chunk, or null if there is none now
   */
  @Nullable TokenChunk poll() {
    List<EngineSequence> resumed;
    TokenChunk chunk;
    lock.lock();
    try {
      chunk = chunks.poll();
      tokens -= chunk == null ? 0 : chunk.tokenIds().size();
      resumed = tokens <= capacity / 2 ? takePaused() : List.of();
    } finally {
      lock.unlock();
    }
    resumed.forEach(EngineSequence::resume);
    return chunk;
  }

  /**
   * Waits until there is a chunk or the end.
   *
   * @throws InterruptedException when the thread is interrupted
   */
  void await() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (chunks.isEmpty() && !ended) {
        arrival.await();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Whether everything was taken and nothing more will come.
   *
   * @return true after the last chunk
   */
  boolean exhausted() {
    lock.lock();
    try {
      return ended && chunks.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /**
   * What failed, once it is {@linkplain #exhausted() exhausted}.
   *
   * @return the failure, or null
   */
  @Nullable GenerationFailedException failure() {
    lock.lock();
    try {
      return failure;
    } finally {
      lock.unlock();
    }
  }

  /** Forgets what is here and whatever comes: the reader is gone. */
  void discard() {
    lock.lock();
    try {
      discarding = true;
      signal = () -> {};
      chunks.clear();
      tokens = 0;
    } finally {
      lock.unlock();
    }
  }

  private List<EngineSequence> takePaused() {
    if (paused.isEmpty()) {
      return List.of();
    }
    List<EngineSequence> taken = paused;
    paused = new ArrayList<>();
    return taken;
  }
}
