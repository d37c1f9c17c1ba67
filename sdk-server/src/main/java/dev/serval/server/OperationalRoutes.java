package dev.serval.server;

import dev.serval.api.ServingRuntime;
import dev.serval.server.exchange.Responses;
import dev.serval.server.json.Json;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What those who run a service ask of it, for an application to mount on its own router, on another
 * port than the API if it likes:
 *
 * <ul>
 *   <li>{@code GET /health}: 200 for as long as it can answer
 *   <li>{@code GET /ready}: 200 while the runtime takes requests, else 503
 *   <li>{@code GET /metrics}: the registry in Prometheus' text format, or OpenMetrics' if asked for
 * </ul>
 */
public final class OperationalRoutes {
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
  private static final String OPEN_METRICS =
      "application/openmetrics-text; version=1.0.0; charset=utf-8";

  private final ServingRuntime runtime;
  private final Optional<PrometheusMeterRegistry> registry;

  private OperationalRoutes(ServingRuntime runtime, Optional<PrometheusMeterRegistry> registry) {
    this.runtime = runtime;
    this.registry = registry;
  }

  /**
   * Routes without metrics.
   *
   * @param runtime whose readiness is told
   * @return the routes
   */
  public static OperationalRoutes of(ServingRuntime runtime) {
    return new OperationalRoutes(runtime, Optional.empty());
  }

  /**
   * Routes with metrics.
   *
   * @param runtime whose readiness is told
   * @param registry what is scraped; the host's, and it stays so
   * @return the routes
   */
  public static OperationalRoutes of(ServingRuntime runtime, PrometheusMeterRegistry registry) {
    return new OperationalRoutes(runtime, Optional.of(registry));
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
   * @param prefix what their paths begin with, such as {@code /internal}; empty for nothing
   */
  public void mount(Router router, String prefix) {
    Paths paths = new Paths(router, prefix, OpenAiOptions.builder().build());
    paths.read("/health", ctx -> status(ctx, 200, "alive"));
    paths.read("/ready", this::ready);
    registry.ifPresent(metrics -> paths.read("/metrics", ctx -> scrape(ctx, metrics)));
  }

  private void ready(RoutingContext ctx) {
    ServingRuntime.State state = runtime.state();
    status(
        ctx,
        state == ServingRuntime.State.READY ? 200 : 503,
        state.name().toLowerCase(Locale.ROOT));
  }

  private static void status(RoutingContext ctx, int status, String word) {
    ctx.response().putHeader("cache-control", "no-store");
    Responses.json(ctx, status, Json.text(Map.of("status", word)));
  }

  private static void scrape(RoutingContext ctx, PrometheusMeterRegistry metrics) {
    String accepted = ctx.request().getHeader("accept");
    String type =
        accepted != null && accepted.contains("application/openmetrics-text")
            ? OPEN_METRICS
            : PROMETHEUS;
    ctx.vertx()
        .executeBlocking(() -> metrics.scrape(type), false)
        .onComplete(text -> Responses.text(ctx, 200, type, text), ctx::fail);
  }
}
