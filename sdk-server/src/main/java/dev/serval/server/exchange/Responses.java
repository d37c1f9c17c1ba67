package dev.serval.server.exchange;

import dev.serval.server.errors.ApiError;
import dev.serval.server.errors.ErrorBody;
import dev.serval.server.json.Json;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;

/** Writes answers that fit into one piece, unless the client has gone. */
public final class Responses {
  private Responses() {}

  /** Answers with JSON. */
  public static void json(RoutingContext ctx, int status, String json) {
    text(ctx, status, "application/json", json);
  }

  /** Answers with a text of some type. */
  public static void text(RoutingContext ctx, int status, String type, String body) {
    HttpServerResponse response = ctx.response();
    if (!response.ended() && !response.closed()) {
      response.setStatusCode(status).putHeader("content-type", type).end(body);
    }
  }

  /** Answers with an error; a response that has begun is broken off. */
  public static void error(RoutingContext ctx, ApiError error) {
    HttpServerResponse response = ctx.response();
    if (response.ended() || response.closed()) {
      return;
    }
    if (response.headWritten()) {
      response.reset();
      return;
    }
    if (error.retryAfter() != null) {
      response.putHeader("retry-after", seconds(error.retryAfter()));
    }
    if (error.status() == 401) {
      response.putHeader("www-authenticate", "Bearer");
    }
    json(ctx, error.status(), Json.text(ErrorBody.of(error)));
  }

  private static String seconds(Duration wait) {
    return Long.toString(Math.max(1, wait.plusMillis(999).toSeconds()));
  }
}
