package dev.serval.server;

import dev.serval.server.errors.ApiError;
import dev.serval.server.exchange.Responses;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;

/** Answers for every path that nothing is mounted on. */
final class NotFound {
  private NotFound() {}

  static void mount(Router router) {
    router.route().handler(NotFound::answer);
    router.errorHandler(
        400,
        ctx -> Responses.error(ctx, ApiError.badRequest(null, "the request's path is malformed")));
  }

  private static void answer(RoutingContext ctx) {
    Responses.error(
        ctx,
        ApiError.ofRequest(
            404,
            "not_found",
            ctx.request().method() + " " + ctx.request().path() + " is not served here"));
  }
}
