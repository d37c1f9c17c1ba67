import org.jspecify.annotations.NullMarked;

/**
 * Endpoints that an application mounts on its own Vert.x router, or starts as a server of their
 * own.
 *
 * <p>{@link dev.serval.server.OpenAiRoutes} speaks the OpenAI HTTP API for any {@link
 * dev.serval.api.ServingRuntime}; {@link dev.serval.server.OperationalRoutes} tells whether it
 * lives, is ready and how it fares; {@link dev.serval.server.HttpEndpoint} is a server with all of
 * them.
 */
@NullMarked
module dev.serval.server {
  requires static org.jspecify;
  requires transitive dev.serval.api;
  requires transitive io.vertx.core;
  requires transitive io.vertx.web;
  requires transitive micrometer.registry.prometheus;
  requires tools.jackson.databind;

  // What an application mounts or starts.
  exports dev.serval.server;

  // The answers are records, written by their components' names.
  opens dev.serval.server.errors to
      tools.jackson.databind;
  opens dev.serval.server.openai to
      tools.jackson.databind;
}
