package dev.serval.server;

import dev.serval.api.ConfigurationException;
import dev.serval.api.ServingRuntime;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.ext.web.Router;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * An HTTP server with the {@link OpenAiRoutes} and the {@link OperationalRoutes} of one runtime,
 * for an application that has no server of its own.
 *
 * <p>It does not own the runtime. To go without cutting anybody off: {@linkplain
 * ServingRuntime#drain drain} the runtime, so that {@code /ready} and new requests answer 503 while
 * those under way end; then close the endpoint; then the runtime.
 */
public final class HttpEndpoint implements AutoCloseable {
  private final HttpServer server;
  private final @Nullable Vertx owned;
  private final String host;
  private final Duration grace;
  private boolean closed;

  private HttpEndpoint(HttpServer server, @Nullable Vertx owned, String host, Duration grace) {
    this.server = server;
    this.owned = owned;
    this.host = host;
    this.grace = grace;
  }

  /**
   * Starts from the defaults: port 8000 of this machine's loopback.
   *
   * @param runtime who answers
   * @return a new builder
   */
  public static Builder builder(ServingRuntime runtime) {
    return new Builder(runtime);
  }

  /**
   * Where it listens.
   *
   * @return the host as it was given
   */
  public String host() {
    return host;
  }

  /**
   * Where it listens.
   *
   * @return the port, also where any was asked for
   */
  public int port() {
    return server.actualPort();
  }

  /**
   * Takes no more connections, lets the answers under way end within the grace, cuts off what is
   * left, whose requests are thereby cancelled, and gives every thread back before it returns. Not
   * to be called on an event loop; calling it again does nothing.
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    await(server.shutdown(grace));
    if (owned != null) {
      await(owned.close());
    }
  }

  private static <T> T await(Future<T> future) {
    return future.toCompletionStage().toCompletableFuture().join();
  }

  /** Collects what a server needs; {@link #start()} checks it. */
  public static final class Builder {
    private static final String LOOPBACK = "127.0.0.1";

    private final ServingRuntime runtime;
    private String host = LOOPBACK;
    private int port = 8000;
    private Duration grace = Duration.ofSeconds(2);
    private OpenAiOptions options = OpenAiOptions.builder().build();
    private HttpServerOptions http = new HttpServerOptions();
    private @Nullable PrometheusMeterRegistry registry;
    private @Nullable Vertx vertx;

    private Builder(ServingRuntime runtime) {
      this.runtime = runtime;
    }

    /**
     * Sets the address to listen on.
     *
     * @param value a name or address of this machine; {@code 0.0.0.0} for all, the loopback unless
     *     set
     * @return this builder
     */
    public Builder host(String value) {
      host = value;
      return this;
    }

    /**
     * Sets the port to listen on.
     *
     * @param value 0 (any that is free) to 65535; 8000 unless set
     * @return this builder
     */
    public Builder port(int value) {
      port = value;
      return this;
    }

    /**
     * Sets what the OpenAI routes take and from whom.
     *
     * @param value the options
     * @return this builder
     */
    public Builder options(OpenAiOptions value) {
      options = value;
      return this;
    }

    /**
     * Offers metrics.
     *
     * @param value the host's registry; without one there is no {@code /metrics}
     * @return this builder
     */
    public Builder metrics(PrometheusMeterRegistry value) {
      registry = value;
      return this;
    }

    /**
     * Sets how long closing waits for answers under way.
     *
     * @param value the time; 2 s unless set
     * @return this builder
     */
    public Builder grace(Duration value) {
      grace = value;
      return this;
    }

    /**
     * Sets what Vert.x offers besides, such as TLS or idle timeouts. Host and port are set apart.
     *
     * @param value the options, copied
     * @return this builder
     */
    public Builder http(HttpServerOptions value) {
      http = new HttpServerOptions(value);
      return this;
    }

    /**
     * Uses the host's Vert.x instead of one of its own, and leaves it open when it closes.
     *
     * @param value the host's Vert.x
     * @return this builder
     */
    public Builder vertx(Vertx value) {
      vertx = value;
      return this;
    }

    /**
     * Starts to listen; not to be called on an event loop.
     *
     * @return the endpoint, which the caller closes
     * @throws ConfigurationException when a setting cannot be honoured, or the address is not free
     */
    public HttpEndpoint start() {
      check();
      Vertx running = vertx == null ? ownVertx() : vertx;
      Vertx owned = vertx == null ? running : null;
      HttpServer server = running.createHttpServer(http).requestHandler(router(running));
      try {
        await(server.listen(port, host));
      } catch (CompletionException failure) {
        if (owned != null) {
          await(owned.close());
        }
        throw refused(failure);
      }
      return new HttpEndpoint(server, owned, host, grace);
    }

    private void check() {
      List<String> problems = new ArrayList<>();
      if (port < 0 || port > 65535) {
        problems.add("port lies between 0 and 65535, unlike " + port);
      }
      if (host.isBlank()) {
        problems.add("host is a name or address of this machine, not blank");
      }
      if (grace.isNegative()) {
        problems.add("grace is not negative, unlike " + grace);
      }
      if (!problems.isEmpty()) {
        throw new ConfigurationException(problems);
      }
    }

    private ConfigurationException refused(CompletionException failure) {
      Throwable cause = failure.getCause() == null ? failure : failure.getCause();
      ConfigurationException refused =
          new ConfigurationException(
              List.of("host and port: cannot listen on " + host + ":" + port + ": " + cause));
      refused.addSuppressed(cause);
      return refused;
    }

    private Router router(Vertx running) {
      Router router = Router.router(running);
      operational().mount(router);
      OpenAiRoutes.of(runtime, options).mount(router);
      NotFound.mount(router);
      return router;
    }

    private OperationalRoutes operational() {
      return registry == null
          ? OperationalRoutes.of(runtime)
          : OperationalRoutes.of(runtime, registry);
    }

    private static Vertx ownVertx() {
      return Vertx.vertx(
          new VertxOptions()
              .setEventLoopPoolSize(1)
              .setFileSystemOptions(
                  new FileSystemOptions()
                      .setClassPathResolvingEnabled(false)
                      .setFileCachingEnabled(false)));
    }
  }
}
