package dev.serval.api;

import java.util.Iterator;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/**
 * A request on its way: a stream of chunks, and in the end a result.
 *
 * <p><b>Reading.</b> One reader at most follows the stream, from any thread: {@linkplain
 * #iterator() iterating}, which waits for each chunk, or {@linkplain #subscribe subscribing}. A
 * reader that attaches late is given everything from the start. Chunks of several choices are
 * interleaved.
 *
 * <p><b>Backpressure.</b> A reader that falls behind by more than the runtime's buffer pauses its
 * own request and nobody else's; so does a stream that nobody reads and whose {@link #result()}
 * nobody asked for. Asking for the result with no reader attached lets the request run to its end.
 *
 * <p><b>Ending.</b> {@link #close()} cancels: the request leaves the engine before its next step
 * and its KV blocks are free at once. Closing what has ended does nothing.
 */
public interface Generation
    extends AutoCloseable, Iterable<TokenChunk>, Flow.Publisher<TokenChunk> {
  /**
   * The runtime's name for this request, as metrics and logs use it.
   *
   * @return an id that is unique within the runtime
   */
  String id();

  /**
   * The result, once every choice has ended. A cancelled generation completes normally, with what
   * it had and {@link FinishReason#CANCELLED}; one that failed completes with {@link
   * GenerationFailedException}.
   *
   * @return the same stage at each call; it is completed, and its dependants run, on the runtime's
   *     delivery executor, never on an engine's thread
   */
  CompletionStage<GenerationResult> result();

  /**
   * Follows the stream by waiting: {@code hasNext} waits until there is a chunk or the end. After
   * the last chunk of a generation that failed it throws its {@link GenerationFailedException}. If
   * the waiting thread is interrupted it throws {@link java.util.concurrent.CancellationException}
   * and leaves the thread interrupted; the generation goes on.
   *
   * @return the only iterator
   * @throws IllegalStateException when the stream has a reader already
   */
  @Override
  Iterator<TokenChunk> iterator();

  /**
   * Follows the stream by being called, as {@link Flow} rules it, on the runtime's delivery
   * executor. A second subscriber is refused through its {@code onError}.
   *
   * @param subscriber the only subscriber
   */
  @Override
  void subscribe(Flow.Subscriber<? super TokenChunk> subscriber);

  /** Cancels what has not ended; never waits, and may be called from any thread, repeatedly. */
  @Override
  void close();
}
