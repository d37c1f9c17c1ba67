package dev.serval.server.exchange;

import dev.serval.api.FinishReason;
import dev.serval.api.TokenChunk;
import dev.serval.server.openai.AnswerFormat;
import io.vertx.core.buffer.Buffer;
import java.util.concurrent.Flow;
import org.jspecify.annotations.Nullable;

/**
 * Follows one generation: encodes its chunks on the runtime's thread and hands them to the
 * exchange's context.
 */
final class ChunkReader implements Flow.Subscriber<TokenChunk> {
  private final Exchange exchange;
  private final StreamedAnswer answer;
  private final AnswerFormat.Chunks pieces;
  private final int window;
  private volatile Flow.@Nullable Subscription subscription;

  ChunkReader(Exchange exchange, StreamedAnswer answer, AnswerFormat.Chunks pieces, int window) {
    this.exchange = exchange;
    this.answer = answer;
    this.pieces = pieces;
    this.window = window;
  }

  @Override
  public void onSubscribe(Flow.Subscription subscription) {
    this.subscription = subscription;
    subscription.request(window);
  }

  @Override
  public void onNext(TokenChunk chunk) {
    if (exchange.over() || chunk.finish() == FinishReason.CANCELLED) {
      return;
    }
    try {
      Buffer event = ServerSentEvent.of(pieces.next(chunk));
      exchange.context().runOnContext(v -> answer.write(event, this));
    } catch (RuntimeException failure) {
      onError(failure);
    }
  }

  @Override
  public void onError(Throwable failure) {
    exchange.context().runOnContext(v -> exchange.failed(failure));
  }

  @Override
  public void onComplete() {
    exchange.context().runOnContext(v -> answer.ended());
  }

  /** Takes another chunk. */
  void another() {
    Flow.Subscription current = subscription;
    if (current != null) {
      current.request(1);
    }
  }
}
