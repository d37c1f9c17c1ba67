package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Quota;
import dev.serval.api.ServingRuntime;
import dev.serval.api.Tenant;
import dev.serval.runtime.Serval;
import dev.serval.server.HttpEndpoint;
import dev.serval.server.OpenAiOptions;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The demo model, its engine held up by the test, and more requests than it takes, over HTTP. */
@Timeout(300)
final class RefusalsTest {
  private static final Map<String, Tenant> TENANTS =
      Map.of(
          "key-anna", Tenant.of("anna").withQuota(Quota.ofRequests(1)),
          "key-ben", Tenant.of("ben"));

  private static final Path MODEL =
      Path.of(System.getProperty("basedir", "."), "../demo-model/weights").normalize();

  private final CountDownLatch held = new CountDownLatch(1);
  private final CountDownLatch released = new CountDownLatch(1);
  private final HttpClient client = HttpClient.newHttpClient();

  private int hold() {
    held.countDown();
    try {
      return released.await(120, TimeUnit.SECONDS) ? 1000 : 1;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static HttpRequest request(HttpEndpoint endpoint, String key) {
    return HttpRequest.newBuilder(
            URI.create("http://127.0.0.1:" + endpoint.port() + "/v1/completions"))
        .header("content-type", "application/json")
        .header("authorization", "Bearer " + key)
        .POST(
            HttpRequest.BodyPublishers.ofString(
                "{\"prompt\":\"Once upon a time\",\"max_tokens\":4}"))
        .build();
  }

  private HttpResponse<String> send(HttpEndpoint endpoint, String key) throws Exception {
    return client.send(request(endpoint, key), BodyHandlers.ofString());
  }

  private CompletableFuture<HttpResponse<String>> begin(HttpEndpoint endpoint, String key) {
    return client.sendAsync(request(endpoint, key), BodyHandlers.ofString());
  }

  private static JsonNode error(HttpResponse<String> response) {
    return JsonMapper.builder().build().readTree(response.body()).get("error");
  }

  @Test
  void quotas_are_429_and_overload_is_503_both_with_the_time_to_come_back() throws Exception {
    try (ServingRuntime runtime =
            Serval.builder()
                .model(MODEL)
                .warmUp(Duration.ZERO)
                .maxWaiting(1)
                .chunk((sequence, plan, snapshot) -> hold())
                .build();
        HttpEndpoint endpoint =
            HttpEndpoint.builder(runtime)
                .host("127.0.0.1")
                .port(0)
                .options(OpenAiOptions.builder().tenants(TENANTS).build())
                .start()) {
      CompletableFuture<HttpResponse<String>> first = begin(endpoint, "key-anna");
      assertThat(held.await(120, TimeUnit.SECONDS)).isTrue();
      HttpResponse<String> quota = send(endpoint, "key-anna");
      assertThat(quota.statusCode()).isEqualTo(429);
      assertThat(quota.headers().firstValue("retry-after")).hasValue("1");
      assertThat(error(quota).get("message").asString())
          .isEqualTo("tenant 'anna' has 1 requests under way, and its quota allows no more than 1");
      HttpResponse<String> overload = send(endpoint, "key-ben");
      assertThat(overload.statusCode()).isEqualTo(503);
      assertThat(overload.headers().firstValue("retry-after")).hasValue("1");
      assertThat(error(overload).get("message").asString())
          .isEqualTo("1 requests wait already, and no more than 1 may");
      released.countDown();
      assertThat(first.join().statusCode()).isEqualTo(200);
      assertThat(send(endpoint, "key-ben").statusCode()).isEqualTo(200);
    }
  }
}
