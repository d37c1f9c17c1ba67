package dev.serval.server;

import dev.serval.server.errors.ApiError;
import io.vertx.core.Handler;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Set;

/** Lets nobody pass without one of the keys, if there are any; takes as long for any wrong one. */
final class ApiKeys implements Handler<RoutingContext> {
  private static final String SCHEME = "bearer ";

  private final Set<String> keys;

  ApiKeys(Set<String> keys) {
    this.keys = keys;
  }

  @Override
  public void handle(RoutingContext ctx) {
    boolean asks = ctx.request().method().equals(HttpMethod.OPTIONS);
    if (!keys.isEmpty() && !asks && !known(ctx.request().getHeader("authorization"))) {
      throw ApiError.ofRequest(
              401, "invalid_api_key", "a known API key must come as 'Authorization: Bearer KEY'")
          .raise();
    }
    ctx.next();
  }

  private boolean known(@org.jspecify.annotations.Nullable String header) {
    if (header == null || !header.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
      return false;
    }
    byte[] brought = bytes(header.substring(SCHEME.length()).strip());
    boolean known = false;
    for (String key : keys) {
      known |= MessageDigest.isEqual(brought, bytes(key));
    }
    return known;
  }

  private static byte[] bytes(String key) {
    return key.getBytes(StandardCharsets.UTF_8);
  }
}
