package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.IsolationScope;
import dev.serval.api.Quota;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.server.echo.EchoRuntime;
import io.micrometer.core.instrument.Counter;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class MountingTest {
  private static final String HI = "{\"prompt\":\"Hi\",\"user\":\"mallory\"}";

  private final EchoRuntime runtime = new EchoRuntime(8, 8);
  private Vertx vertx;
  private Router router;
  private HttpServer server;
  private HttpClient client;

  @BeforeEach
  void host() {
    vertx = Vertx.vertx();
    router = Router.router(vertx);
    server = vertx.createHttpServer().requestHandler(router);
    server.listen(0, "127.0.0.1").toCompletionStage().toCompletableFuture().join();
    client = HttpClient.newHttpClient();
  }

  @AfterEach
  void close() {
    client.close();
    vertx.close().toCompletionStage().toCompletableFuture().join();
    runtime.close();
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.actualPort() + path));
  }

  private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private HttpResponse<String> post(String path, String... headers) throws Exception {
    HttpRequest.Builder request =
        request(path)
            .header("content-type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(HI));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return send(request);
  }

  @Test
  void the_scope_is_the_hosts_principal_and_never_the_bodys_user() throws Exception {
    router.route().handler(MountingTest::authenticate);
    OpenAiOptions options =
        OpenAiOptions.builder().scope(ctx -> IsolationScope.of(ctx.get("principal"))).build();
    OpenAiRoutes.of(runtime, options).mount(router);
    post("/v1/completions", "x-principal", "alice");
    assertThat(runtime.last().request().scope()).isEqualTo(IsolationScope.of("alice"));
    post("/v1/completions", "x-principal", "bob");
    assertThat(runtime.last().request().scope()).isEqualTo(IsolationScope.of("bob"));
  }

  @Test
  void tenant_and_level_are_the_hosts_and_a_body_can_only_ask_for_less() throws Exception {
    router.route().handler(MountingTest::authenticate);
    ServiceLevel gold = new ServiceLevel("gold", 1, Duration.ofMillis(200), null);
    OpenAiOptions options =
        OpenAiOptions.builder()
            .scope(ctx -> IsolationScope.of(ctx.get("principal")))
            .level(ctx -> ctx.get("principal").equals("alice") ? gold : ServiceLevel.BATCH)
            .timeout(Duration.ofSeconds(9))
            .build();
    OpenAiRoutes.of(runtime, options).mount(router);
    post("/v1/completions", "x-principal", "alice");
    assertThat(runtime.last().request().tenant()).isEqualTo(Tenant.of("alice"));
    assertThat(runtime.last().request().level()).isEqualTo(gold);
    assertThat(runtime.last().request().deadline()).hasValue(Duration.ofSeconds(9));
    post("/v1/completions", "x-principal", "bob");
    assertThat(runtime.last().request().level()).isEqualTo(ServiceLevel.BATCH);
    String flexible = "{\"prompt\":\"hi\",\"service_tier\":\"flex\"}";
    send(
        request("/v1/completions")
            .header("content-type", "application/json")
            .header("x-principal", "alice")
            .POST(HttpRequest.BodyPublishers.ofString(flexible)));
    assertThat(runtime.last().request().level()).isEqualTo(ServiceLevel.BATCH);
  }

  @Test
  void tenants_are_told_by_the_keys_they_bring() throws Exception {
    Tenant alice = Tenant.of("alice").withWeight(3).withQuota(Quota.ofRequests(2));
    OpenAiOptions options =
        OpenAiOptions.builder().tenants(Map.of("sk-a", alice, "sk-b", Tenant.of("bob"))).build();
    OpenAiRoutes.of(runtime, options).mount(router);
    post("/v1/completions", "authorization", "Bearer sk-a");
    assertThat(runtime.last().request().tenant()).isEqualTo(alice);
    assertThat(runtime.last().request().scope()).isEqualTo(IsolationScope.of("alice"));
    post("/v1/completions", "authorization", "Bearer sk-b");
    assertThat(runtime.last().request().tenant()).isEqualTo(Tenant.of("bob"));
    assertThat(post("/v1/completions", "authorization", "Bearer sk-c").statusCode()).isEqualTo(401);
    assertThat(post("/v1/completions").statusCode()).isEqualTo(401);
  }

  private static void authenticate(RoutingContext ctx) {
    ctx.put("principal", ctx.request().getHeader("x-principal")).next();
  }

  @Test
  void routes_live_below_a_prefix_or_in_a_sub_router() throws Exception {
    OpenAiRoutes.of(runtime).mount(router, "/ai");
    Router inner = Router.router(vertx);
    OpenAiRoutes.of(runtime).mount(inner);
    OperationalRoutes.of(runtime).mount(inner);
    router.route("/inner/*").subRouter(inner);
    for (String prefix : new String[] {"/ai", "/inner"}) {
      assertThat(post(prefix + "/v1/completions").statusCode()).isEqualTo(200);
      assertThat(send(request(prefix + "/v1/models")).statusCode()).isEqualTo(200);
      assertThat(send(request(prefix + "/v1/models/base/tiny")).body()).contains("base/tiny");
      assertThat(send(request(prefix + "/v1/completions")).statusCode()).isEqualTo(405);
    }
    assertThat(send(request("/inner/ready")).statusCode()).isEqualTo(200);
    assertThat(post("/v1/completions").statusCode()).isEqualTo(404);
  }

  @Test
  void a_body_that_a_handler_of_the_hosts_has_read_is_taken_within_the_limit() throws Exception {
    router.route().handler(BodyHandler.create(false));
    OpenAiRoutes.of(runtime).mount(router, "/wide");
    OpenAiRoutes.of(runtime, OpenAiOptions.builder().bodyLimit(Bytes.of(10)).build())
        .mount(router, "/narrow");
    assertThat(post("/wide/v1/completions").statusCode()).isEqualTo(200);
    assertThat(post("/narrow/v1/completions").statusCode()).isEqualTo(413);
  }

  @Test
  void a_refusal_of_the_hosts_keeps_its_status() throws Exception {
    router.route().handler(ctx -> ctx.fail(403));
    OpenAiRoutes.of(runtime).mount(router);
    HttpResponse<String> response = post("/v1/completions");
    assertThat(response.statusCode()).isEqualTo(403);
    assertThat(response.body()).contains("invalid_request_error");
  }

  @Test
  void a_scope_that_cannot_be_told_is_the_servers_fault() throws Exception {
    OpenAiOptions options = OpenAiOptions.builder().scope(ctx -> IsolationScope.of("")).build();
    OpenAiRoutes.of(runtime, options).mount(router);
    assertThat(post("/v1/completions").statusCode()).isEqualTo(500);
    assertThat(runtime.generations()).isEmpty();
  }

  @Test
  void pages_of_other_origins_are_let_in_only_if_they_are_named() throws Exception {
    OpenAiRoutes.of(runtime).mount(router, "/closed");
    OpenAiOptions options =
        OpenAiOptions.builder()
            .allowedOrigins(Set.of("https://app.example"))
            .apiKeys(Set.of("k"))
            .build();
    OpenAiRoutes.of(runtime, options).mount(router, "/open");
    assertThat(preflight("/closed").headers().firstValue("access-control-allow-origin")).isEmpty();
    HttpResponse<String> open = preflight("/open");
    assertThat(open.statusCode()).isEqualTo(204);
    assertThat(open.headers().firstValue("access-control-allow-origin"))
        .hasValue("https://app.example");
    assertThat(open.headers().firstValue("access-control-allow-headers").orElseThrow())
        .contains("authorization");
    HttpResponse<String> simple =
        post("/open/v1/completions", "origin", "https://app.example", "authorization", "Bearer k");
    assertThat(simple.statusCode()).isEqualTo(200);
    assertThat(simple.headers().firstValue("access-control-allow-origin"))
        .hasValue("https://app.example");
    assertThat(
            simple.headers().firstValue("access-control-expose-headers").orElseThrow().split(","))
        .as("what a page may read")
        .containsExactlyInAnyOrder("x-request-id", "x-ignored-fields", "retry-after");
    assertThat(
            post(
                    "/open/v1/completions",
                    "origin",
                    "https://evil.example",
                    "authorization",
                    "Bearer k")
                .headers()
                .firstValue("access-control-allow-origin"))
        .isEmpty();
  }

  private HttpResponse<String> preflight(String prefix) throws Exception {
    return send(
        request(prefix + "/v1/completions")
            .method("OPTIONS", HttpRequest.BodyPublishers.noBody())
            .header("origin", "https://app.example")
            .header("access-control-request-method", "POST"));
  }

  @Test
  void operations_tell_of_life_readiness_and_metrics() throws Exception {
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    Counter.builder("serval.test.requests").register(registry).increment(3);
    OperationalRoutes.of(runtime, registry).mount(router);
    assertThat(send(request("/health")).body()).isEqualTo("{\"status\":\"alive\"}");
    assertThat(send(request("/ready")).body()).isEqualTo("{\"status\":\"ready\"}");
    HttpResponse<String> metrics = send(request("/metrics"));
    assertThat(metrics.body()).contains("serval_test_requests_total 3.0");
    assertThat(metrics.headers().firstValue("content-type").orElseThrow()).startsWith("text/plain");
    HttpResponse<String> open =
        send(request("/metrics").header("accept", "application/openmetrics-text;version=1.0.0"));
    assertThat(open.body()).endsWith("# EOF\n");
    runtime.close();
    assertThat(send(request("/health")).statusCode()).isEqualTo(200);
    HttpResponse<String> closed = send(request("/ready"));
    assertThat(closed.statusCode()).isEqualTo(503);
    assertThat(closed.body()).isEqualTo("{\"status\":\"closed\"}");
  }

  @Test
  void without_a_registry_there_are_no_metrics() throws Exception {
    OperationalRoutes.of(runtime).mount(router);
    assertThat(send(request("/metrics")).statusCode()).isEqualTo(404);
  }
}
