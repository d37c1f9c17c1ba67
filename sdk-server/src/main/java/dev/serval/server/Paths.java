package dev.serval.server;

import dev.serval.server.errors.ApiError;
import dev.serval.server.exchange.ReadBody;
import io.vertx.core.Handler;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import io.vertx.ext.web.handler.CorsHandler;
import java.util.Set;

/**
 * Puts handlers on paths, with what stands before all of them: cross-origin rules, the key, the
 * body's type and size; and what stands behind: an answer to every other method, and to every
 * failure.
 */
final class Paths {
  private final Router router;
  private final String prefix;
  private final OpenAiOptions options;
  private final ApiKeys keys;
  private final RouteFailures failures;

  Paths(Router router, String prefix, OpenAiOptions options) {
    this.router = router;
    this.prefix = prefix;
    this.options = options;
    this.keys = new ApiKeys(options.apiKeys());
    this.failures = new RouteFailures(options.bodyLimit());
  }

  void read(String path, Handler<RoutingContext> handler) {
    before(path);
    route(path).method(HttpMethod.GET).method(HttpMethod.HEAD).handler(handler);
    after(path, "GET, HEAD, OPTIONS");
  }

  void post(String path, Handler<RoutingContext> handler) {
    before(path);
    BodyHandler body = BodyHandler.create(false).setBodyLimit(options.bodyLimit().count());
    route(path)
        .method(HttpMethod.POST)
        .handler(Paths::checkType)
        .handler(ctx -> body.handle(ctx))
        .handler(this::checkSize)
        .handler(handler);
    after(path, "POST, OPTIONS");
  }

  private Route route(String path) {
    return router.route(prefix + path).failureHandler(failures);
  }

  private void before(String path) {
    if (!options.allowedOrigins().isEmpty()) {
      route(path).handler(crossOrigin());
    }
    route(path).handler(keys);
  }

  private CorsHandler crossOrigin() {
    CorsHandler cors =
        CorsHandler.create()
            .allowedMethods(Set.of(HttpMethod.GET, HttpMethod.POST, HttpMethod.OPTIONS))
            .allowedHeaders(Set.of("authorization", "content-type"))
            .exposedHeaders(Set.of("x-request-id", ReadBody.HEADER, "retry-after"));
    options.allowedOrigins().forEach(cors::addOrigin);
    return cors;
  }

  private void after(String path, String allowed) {
    route(path).handler(ctx -> otherMethod(ctx, allowed));
  }

  private static void otherMethod(RoutingContext ctx, String allowed) {
    ctx.response().putHeader("allow", allowed);
    if (ctx.request().method().equals(HttpMethod.OPTIONS)) {
      ctx.response().setStatusCode(204).end();
      return;
    }
    throw ApiError.ofRequest(
            405,
            "method_not_allowed",
            ctx.request().method()
                + " is not allowed on "
                + ctx.request().path()
                + "; "
                + allowed
                + " are")
        .raise();
  }

  private static void checkType(RoutingContext ctx) {
    String type = ctx.request().getHeader("content-type");
    if (type != null && !json(type)) {
      throw ApiError.ofRequest(
              415,
              "unsupported_media_type",
              "the body's type must be application/json, not " + type)
          .raise();
    }
    ctx.next();
  }

  private static boolean json(String type) {
    int end = type.indexOf(';');
    return (end < 0 ? type : type.substring(0, end)).strip().equalsIgnoreCase("application/json");
  }

  /** A body handler of the host's may have let more pass. */
  private void checkSize(RoutingContext ctx) {
    if (ctx.body().length() > options.bodyLimit().count()) {
      ctx.fail(413);
    } else {
      ctx.next();
    }
  }
}
