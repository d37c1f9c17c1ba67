package dev.serval.server;

import dev.serval.server.errors.ApiError;
import dev.serval.server.exchange.Responses;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.stream.Collectors;

/** Answers for every path that nothing is mounted on, and says which there are. */
final class NotFound {
  private NotFound() {}

  static void mount(Router router) {
    String paths = paths(router);
    router.route().handler(ctx -> answer(ctx, paths));
    router.errorHandler(
        400,
        ctx -> Responses.error(ctx, ApiError.badRequest(null, "the request's path is malformed")));
  }

  private static String paths(Router router) {
    return router.getRoutes().stream()
        .map(Route::getPath)
        .filter(path -> path != null && !path.endsWith("/"))
        .distinct()
        .sorted()
        .collect(Collectors.joining(", "));
  }

  private static void answer(RoutingContext ctx, String paths) {
    Responses.error(
        ctx,
        ApiError.ofRequest(
            404,
            "not_found",
            "%s %s is not served here; there is %s"
                .formatted(ctx.request().method(), ctx.request().path(), paths)));
  }
}
