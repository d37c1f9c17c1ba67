package dev.serval.server;

import dev.serval.api.ServingRuntime;
import dev.serval.server.exchange.EmbeddingExchange;
import dev.serval.server.exchange.Exchange;
import dev.serval.server.exchange.ExchangeSettings;
import dev.serval.server.exchange.Gate;
import dev.serval.server.exchange.Offload;
import dev.serval.server.exchange.ReadBody;
import dev.serval.server.exchange.Responses;
import dev.serval.server.json.Json;
import dev.serval.server.json.Value;
import dev.serval.server.openai.Caller;
import dev.serval.server.openai.ChatEndpoint;
import dev.serval.server.openai.CompletionEndpoint;
import dev.serval.server.openai.DetokenizeEndpoint;
import dev.serval.server.openai.GenerationEndpoint;
import dev.serval.server.openai.ModelList;
import dev.serval.server.openai.TokenizeEndpoint;
import io.vertx.core.Handler;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.Objects;
import java.util.function.BiFunction;

/**
 * The OpenAI HTTP API over a runtime, for an application to mount on its own router:
 *
 * <ul>
 *   <li>{@code GET /v1/models} and {@code /v1/models/{id}}
 *   <li>{@code POST /v1/chat/completions} and {@code /v1/completions}, whole or as a stream
 *   <li>{@code POST /v1/embeddings}, as numbers or in Base64
 *   <li>{@code POST /tokenize} and {@code /detokenize}, as vLLM has them
 * </ul>
 *
 * <p>Handlers of the host that are mounted before, such as its authentication, run before. Nothing
 * here blocks an event loop. A client that goes away cancels its request at once, and one that
 * reads slowly slows nobody else. The runtime stays the caller's.
 */
public final class OpenAiRoutes {
  private final ServingRuntime runtime;
  private final OpenAiOptions options;
  private final ExchangeSettings settings;

  private OpenAiRoutes(ServingRuntime runtime, OpenAiOptions options) {
    this.runtime = runtime;
    this.options = options;
    this.settings =
        new ExchangeSettings(
            runtime,
            options.executor().map(Offload::to).orElseGet(Offload::workerPool),
            new Gate(options.maxConcurrent()),
            options.maxChoices(),
            options.timeout(),
            options.clock());
  }

  /**
   * Routes with the default options.
   *
   * @param runtime who answers
   * @return the routes
   */
  public static OpenAiRoutes of(ServingRuntime runtime) {
    return of(runtime, OpenAiOptions.builder().build());
  }

  /**
   * Routes.
   *
   * @param runtime who answers
   * @param options what is taken and from whom
   * @return the routes
   */
  public static OpenAiRoutes of(ServingRuntime runtime, OpenAiOptions options) {
    return new OpenAiRoutes(runtime, options);
  }

  /**
   * Adds the routes to a router.
   *
   * @param router the host's router
   */
  public void mount(Router router) {
    mount(router, "");
  }

  /**
   * Adds the routes to a router, all below a prefix.
   *
   * @param router the host's router
   * @param prefix what their paths begin with, such as {@code /ai}; empty for nothing
   */
  public void mount(Router router, String prefix) {
    Paths paths = new Paths(router, prefix, options);
    paths.read("/v1/models", ctx -> Responses.json(ctx, 200, models()));
    paths.read("/v1/models/*", this::model);
    paths.post("/v1/chat/completions", generation(new ChatEndpoint()));
    paths.post("/v1/completions", generation(new CompletionEndpoint()));
    paths.post("/v1/embeddings", ctx -> EmbeddingExchange.begin(ctx, caller(ctx), settings));
    paths.post("/tokenize", answer(TokenizeEndpoint::answer));
    paths.post("/detokenize", answer(DetokenizeEndpoint::answer));
  }

  private Handler<RoutingContext> generation(GenerationEndpoint endpoint) {
    return ctx -> Exchange.begin(ctx, endpoint, caller(ctx), settings);
  }

  private Caller caller(RoutingContext ctx) {
    return new Caller(
        options.scope().apply(ctx),
        options.tenant().apply(ctx),
        options.level().apply(ctx),
        options.timeout().orElse(null));
  }

  private Handler<RoutingContext> answer(BiFunction<Value, ServingRuntime, Object> endpoint) {
    return ctx -> {
      Buffer body = ctx.body().buffer();
      settings
          .offload()
          .call(
              ctx.vertx().getOrCreateContext(),
              () -> ReadBody.of(body, value -> Json.text(endpoint.apply(value, runtime))))
          .onComplete(answer -> send(ctx, answer), ctx::fail);
    };
  }

  private static void send(RoutingContext ctx, ReadBody<String> answer) {
    answer.announce(ctx.response());
    Responses.json(ctx, 200, answer.meaning());
  }

  private String models() {
    return Json.text(ModelList.of(runtime));
  }

  private void model(RoutingContext ctx) {
    String name = Objects.requireNonNullElse(ctx.pathParam("*"), "");
    Responses.json(ctx, 200, Json.text(ModelList.card(name, runtime)));
  }
}
