package dev.serval.server.exchange;

import dev.serval.api.GenerationResult;
import dev.serval.server.errors.ApiError;
import dev.serval.server.errors.ErrorBody;
import dev.serval.server.openai.AnswerFormat;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.http.HttpVersion;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * An answer as it grows, in server-sent events. Belongs to the exchange's context.
 *
 * <p>Every generation may have a window of chunks under way. A chunk's place in the window is free
 * again when it was written and the connection takes more; while the connection's queue is full,
 * its places are kept back until it has drained. So a client that does not read holds a window and
 * a queue, and its generations wait in the runtime.
 */
final class StreamedAnswer {
  private static final int WINDOW = 16;

  private final Exchange exchange;
  private final Submission submission;
  private final HttpServerResponse response;
  private final Queue<ChunkReader> keptBack = new ArrayDeque<>();

  /** A client of HTTP/1.0 knows no chunks: its stream ends with its connection. */
  private final boolean old;

  private int running;

  StreamedAnswer(Exchange exchange, Submission submission) {
    this.exchange = exchange;
    this.submission = submission;
    this.response = exchange.request().response();
    this.old = exchange.request().request().version() == HttpVersion.HTTP_1_0;
    this.running = submission.generations().size();
  }

  void begin() {
    response
        .putHeader("content-type", "text/event-stream; charset=utf-8")
        .putHeader("cache-control", "no-cache")
        .putHeader("x-accel-buffering", "no")
        .putHeader("x-request-id", submission.head().id())
        .setChunked(true)
        .drainHandler(v -> drained());
    if (!old) {
      response.writeHead();
    }
    int window = Math.max(1, WINDOW / running);
    for (int i = 0; i < submission.generations().size(); i++) {
      submission.generations().get(i).subscribe(new ChunkReader(exchange, this, pieces(i), window));
    }
  }

  private AnswerFormat.Chunks pieces(int prompt) {
    return submission
        .call()
        .format()
        .chunks(submission.head(), prompt, submission.call().delivery().includeUsage());
  }

  /** Writes a chunk; its reader may have another when the connection takes more. */
  void write(Buffer event, ChunkReader reader) {
    if (exchange.over()) {
      return;
    }
    response.write(event);
    if (response.writeQueueFull()) {
      keptBack.add(reader);
    } else {
      reader.another();
    }
  }

  private void drained() {
    for (ChunkReader reader = keptBack.poll(); reader != null; reader = keptBack.poll()) {
      reader.another();
    }
  }

  /** One of the generations has given all of its chunks. */
  void ended() {
    if (--running == 0) {
      var _ =
          submission
              .results()
              .whenComplete((results, failure) ->
                  exchange.context().runOnContext(v -> conclude(results, failure)));
    }
  }

  private void conclude(@Nullable List<GenerationResult> results, @Nullable Throwable failure) {
    if (exchange.over()) {
      return;
    }
    if (results == null) {
      exchange.failed(Objects.requireNonNull(failure));
      return;
    }
    if (submission.call().delivery().includeUsage()) {
      response.write(
          ServerSentEvent.of(submission.call().format().usage(submission.head(), results)));
    }
    end(Buffer.buffer(ServerSentEvent.DONE));
  }

  /** Breaks off with an error. */
  void end(ApiError error) {
    end(ServerSentEvent.of(ErrorBody.of(error)));
  }

  private void end(Buffer last) {
    response.end(last);
    if (old) {
      exchange.request().request().connection().close();
    }
  }
}
