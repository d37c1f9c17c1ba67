package dev.serval.server;

import dev.serval.server.errors.ApiError;
import io.vertx.core.Handler;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Set;
import org.jspecify.annotations.Nullable;

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

  /** The key in an authorization header, or null. */
  static @Nullable String brought(@Nullable String header) {
    return header == null || !header.regionMatches(true, 0, SCHEME, 0, SCHEME.length())
        ? null
        : header.substring(SCHEME.length()).strip();
  }

  private boolean known(@Nullable String header) {
    String key = brought(header);
    return key != null && isAmong(key);
  }

  private boolean isAmong(String candidate) {
    byte[] brought = bytes(candidate);
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
