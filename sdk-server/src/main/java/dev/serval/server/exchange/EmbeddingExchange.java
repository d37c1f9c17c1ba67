package dev.serval.server.exchange;

import dev.serval.api.EmbeddingResult;
import dev.serval.server.errors.ApiError;
import dev.serval.server.errors.Failures;
import dev.serval.server.json.Json;
import dev.serval.server.json.Value;
import dev.serval.server.openai.Caller;
import dev.serval.server.openai.EmbeddingEndpoint;
import dev.serval.server.openai.EmbeddingList;
import io.vertx.core.Context;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One request for embeddings, from its body to its answer. Its state belongs to the request's
 * context; the body is read and the texts encoded on a worker, and so is the answer written. When
 * the response ends or its connection breaks, the place in the gate is given back, the timer
 * stopped and what has not begun is taken out of the runtime.
 */
public final class EmbeddingExchange {
  private final RoutingContext ctx;
  private final Context context;
  private final ExchangeSettings settings;
  private final Ending ending = new Ending();
  private long timer = -1;

  private EmbeddingExchange(RoutingContext ctx, ExchangeSettings settings) {
    this.ctx = ctx;
    this.context = ctx.vertx().getOrCreateContext();
    this.settings = settings;
  }

  /** What a worker hands back: the call, and its vectors to come. */
  private record Taken(EmbeddingEndpoint.Call call, CompletableFuture<EmbeddingResult> result) {}

  /**
   * Begins an exchange on the request's own context.
   *
   * @param ctx the request, its body received
   * @param caller who asks
   * @param settings what all exchanges share
   */
  public static void begin(RoutingContext ctx, Caller caller, ExchangeSettings settings) {
    settings.gate().enter();
    new EmbeddingExchange(ctx, settings).submit(caller);
  }

  private void submit(Caller caller) {
    ctx.addEndHandler(ended -> finish());
    settings
        .timeout()
        .ifPresent(limit ->
            timer =
                ctx.vertx()
                    .setTimer(
                        limit.toMillis(), t -> Responses.error(ctx, ApiError.timeout(limit))));
    Buffer body = ctx.body().buffer();
    settings
        .offload()
        .call(context, () -> read(body, caller))
        .onComplete(this::await, this::failed);
  }

  private ReadBody<Taken> read(@Nullable Buffer body, Caller caller) {
    if (ending.over()) {
      throw new CancellationException("the client has gone");
    }
    return ReadBody.of(body, value -> take(value, caller));
  }

  private Taken take(Value body, Caller caller) {
    EmbeddingEndpoint.Call call = EmbeddingEndpoint.read(body, settings.runtime(), caller);
    CompletableFuture<EmbeddingResult> vectors = settings.runtime().embed(call.request());
    ending.leave(() -> vectors.cancel(false));
    return new Taken(call, vectors);
  }

  private void await(ReadBody<Taken> body) {
    if (ending.over()) {
      return;
    }
    Taken taken = body.meaning();
    body.announce(ctx.response());
    var _ =
        taken
            .result()
            .whenComplete((vectors, failure) ->
                context.runOnContext(v -> answer(taken.call(), vectors, failure)));
  }

  private void answer(
      EmbeddingEndpoint.Call call, @Nullable EmbeddingResult vectors, @Nullable Throwable failure) {
    if (vectors == null) {
      refuse(
          Failures.ofTaken(
              failure == null ? new IllegalStateException("there are no vectors") : failure));
      return;
    }
    settings
        .offload()
        .call(context, () -> Json.text(EmbeddingList.of(call, vectors)))
        .onComplete(json -> Responses.json(ctx, 200, json), this::failed);
  }

  private void failed(Throwable failure) {
    refuse(Failures.of(failure));
  }

  private void refuse(ApiError error) {
    if (!ending.over()) {
      Responses.error(ctx, error.named(EmbeddingEndpoint.ALIASES));
    }
  }

  private void finish() {
    settings.gate().leave();
    ctx.vertx().cancelTimer(timer);
    ending.end();
  }
}
