package dev.serval.server;

import dev.serval.api.Bytes;
import dev.serval.server.errors.ApiError;
import dev.serval.server.errors.Failures;
import dev.serval.server.exchange.Responses;
import io.vertx.core.Handler;
import io.vertx.ext.web.RoutingContext;

/** Answers what failed on the way to a handler or in it; a client that has gone is told nothing. */
final class RouteFailures implements Handler<RoutingContext> {
  private final Bytes bodyLimit;

  RouteFailures(Bytes bodyLimit) {
    this.bodyLimit = bodyLimit;
  }

  @Override
  public void handle(RoutingContext ctx) {
    if (!ctx.response().ended() && !ctx.response().closed()) {
      Responses.error(ctx, error(ctx));
    }
  }

  private ApiError error(RoutingContext ctx) {
    int status = ctx.statusCode();
    if (status == 413) {
      return ApiError.ofRequest(
          413, "request_too_large", "the body is larger than the " + bodyLimit + " it may have");
    }
    if (ctx.failure() != null && (status < 400 || status >= 500)) {
      return Failures.of(ctx.failure());
    }
    return ApiError.ofRequest(
        status, null, ctx.response().setStatusCode(status).getStatusMessage());
  }
}
