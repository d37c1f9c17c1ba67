package dev.serval.server.exchange;

import dev.serval.server.errors.ApiError;
import dev.serval.server.errors.Failures;
import dev.serval.server.json.Value;
import dev.serval.server.openai.Caller;
import dev.serval.server.openai.GenerationCall;
import dev.serval.server.openai.GenerationEndpoint;
import io.vertx.core.Context;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/**
 * One generation request, from its body to the last byte of its answer.
 *
 * <p>Its state belongs to the request's context (an event loop, as a rule). The body is read and
 * the prompt submitted on a worker; chunks are encoded on the runtime's threads; both come back to
 * the context before they touch anything. What must hold:
 *
 * <ul>
 *   <li>The place in the gate is given back, the timer stopped and every generation closed when the
 *       response ends or its connection breaks, whichever is first and whatever is under way then:
 *       the {@link Ending} closes a submission that comes back to an exchange that is over.
 *   <li>Nothing is written after the exchange is over.
 *   <li>A client that does not read holds at most a window of chunks here; its generation waits.
 * </ul>
 */
public final class Exchange {
  private final RoutingContext ctx;
  private final Context context;
  private final GenerationEndpoint endpoint;
  private final ExchangeSettings settings;
  private final Ending ending = new Ending();
  private long timer = -1;
  private @Nullable StreamedAnswer stream;

  private Exchange(RoutingContext ctx, GenerationEndpoint endpoint, ExchangeSettings settings) {
    this.ctx = ctx;
    this.context = ctx.vertx().getOrCreateContext();
    this.endpoint = endpoint;
    this.settings = settings;
  }

  /**
   * Begins an exchange on the request's own context.
   *
   * @param ctx the request, its body received
   * @param endpoint what the body means
   * @param caller who asks
   * @param settings what all exchanges share
   */
  public static void begin(
      RoutingContext ctx, GenerationEndpoint endpoint, Caller caller, ExchangeSettings settings) {
    settings.gate().enter();
    new Exchange(ctx, endpoint, settings).submit(caller);
  }

  private void submit(Caller caller) {
    ctx.addEndHandler(ended -> finish());
    settings
        .timeout()
        .ifPresent(limit ->
            timer = ctx.vertx().setTimer(limit.toMillis(), t -> refuse(ApiError.timeout(limit))));
    Buffer body = ctx.body().buffer();
    settings
        .offload()
        .call(context, () -> read(body, caller))
        .onComplete(this::answer, this::failed);
  }

  private ReadBody<Submission> read(@Nullable Buffer body, Caller caller) {
    if (ending.over()) {
      throw new CancellationException("the client has gone");
    }
    return ReadBody.of(body, value -> submission(value, caller));
  }

  private Submission submission(Value body, Caller caller) {
    GenerationCall call = endpoint.read(body, settings.runtime(), caller);
    settings.checkChoices(call.choices());
    Submission taken = Submission.of(call, settings.runtime(), settings.clock().instant());
    ending.leave(taken::close);
    return taken;
  }

  private void answer(ReadBody<Submission> body) {
    if (ending.over()) {
      return;
    }
    Submission taken = body.meaning();
    body.announce(ctx.response());
    if (taken.call().delivery().stream()) {
      stream = new StreamedAnswer(this, taken);
      stream.begin();
    } else {
      new WholeAnswer(this, taken).begin();
    }
  }

  /** The request's context. */
  Context context() {
    return context;
  }

  /** The request. */
  RoutingContext request() {
    return ctx;
  }

  /** What all exchanges share. */
  ExchangeSettings settings() {
    return settings;
  }

  /** Whether there is nobody left to answer; true for good once it is. Read on any thread. */
  boolean over() {
    return ending.over();
  }

  /** Ends with the error that a failure is; on the context. */
  void failed(Throwable failure) {
    if (!ending.over()) {
      refuse(Failures.of(failure).named(endpoint.aliases()));
    }
  }

  /** Ends with an error; on the context. */
  void refuse(ApiError error) {
    if (ending.over()) {
      return;
    }
    if (stream == null) {
      Responses.error(ctx, error);
    } else {
      stream.end(error);
    }
  }

  private void finish() {
    settings.gate().leave();
    ctx.vertx().cancelTimer(timer);
    ending.end();
  }
}
