package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.server.echo.EchoRuntime;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

final class LimitsTest {
  private static final String TEXT = "/v1/completions";
  private static final String AB = "{\"prompt\":\"ab\"}";

  private static Served<EchoRuntime> served(
      EchoRuntime runtime, UnaryOperator<OpenAiOptions.Builder> settings) {
    OpenAiOptions options = settings.apply(OpenAiOptions.builder()).build();
    return new Served<>(runtime, endpoint -> endpoint.options(options));
  }

  private static Served<EchoRuntime> served(UnaryOperator<OpenAiOptions.Builder> settings) {
    return served(new EchoRuntime(1, 0), settings);
  }

  private static JsonNode error(HttpResponse<String> response) {
    return Served.json(response.body()).get("error");
  }

  @Test
  void a_body_that_is_too_large_is_refused_whether_or_not_it_says_its_length() throws Exception {
    try (Served<EchoRuntime> served = served(options -> options.bodyLimit(Bytes.of(1000)))) {
      String body = "{\"prompt\":\"" + "x".repeat(200_000) + "\"}";
      HttpResponse<String> sized = served.post(TEXT, body);
      assertThat(sized.statusCode()).isEqualTo(413);
      assertThat(error(sized).get("message").stringValue()).contains("1000 B");
      HttpResponse<String> chunked =
          served.send(
              served
                  .request(TEXT)
                  .header("content-type", "application/json")
                  .POST(
                      HttpRequest.BodyPublishers.fromPublisher(
                          HttpRequest.BodyPublishers.ofString(body))));
      assertThat(chunked.statusCode()).isEqualTo(413);
      assertThat(served.post(TEXT, AB).statusCode()).isEqualTo(200);
    }
  }

  @Test
  void requests_beyond_what_the_runtime_takes_are_told_when_to_come_back() throws Exception {
    EchoRuntime runtime = new EchoRuntime(1, 0);
    Semaphore steps = new Semaphore(0);
    runtime.pace(steps);
    try (Served<EchoRuntime> served = served(runtime, options -> options);
        RawClient first = new RawClient(served.endpoint.port()).send(RawClient.post(TEXT, AB))) {
      Eventually.holds("the first runs", () -> runtime.generations().size() == 1);
      HttpResponse<String> second = served.post(TEXT, AB);
      assertThat(second.statusCode()).isEqualTo(503);
      assertThat(second.headers().firstValue("retry-after")).hasValue("3");
      assertThat(error(second).get("code").stringValue()).isEqualTo("overloaded");
      HttpResponse<String> both = served.post(TEXT, "{\"prompt\":[\"a\",\"b\"]}");
      assertThat(both.statusCode()).isEqualTo(503);
      steps.release(3);
      assertThat(first.readUntil("}]")).contains("\"text\":\"ab\"");
    }
  }

  @Test
  void a_tenant_beyond_its_quota_is_told_so_and_when_to_come_back() throws Exception {
    HttpResponse<String> answer = refused(Reason.QUOTA, Duration.ofMillis(1200));
    assertThat(answer.statusCode()).isEqualTo(429);
    assertThat(answer.headers().firstValue("retry-after")).hasValue("2");
    assertThat(error(answer).get("code").stringValue()).isEqualTo("rate_limit_exceeded");
    assertThat(error(answer).get("message").stringValue()).isEqualTo("not now");
  }

  @Test
  void a_request_that_cannot_be_in_time_is_refused_as_overload() throws Exception {
    HttpResponse<String> answer = refused(Reason.DEADLINE, Duration.ofSeconds(7));
    assertThat(answer.statusCode()).isEqualTo(503);
    assertThat(answer.headers().firstValue("retry-after")).hasValue("7");
    assertThat(error(answer).get("code").stringValue()).isEqualTo("overloaded");
  }

  private HttpResponse<String> refused(Reason reason, Duration retryAfter) throws Exception {
    EchoRuntime runtime = new EchoRuntime(1, 0);
    runtime.refuse(new RequestRejectedException(reason, "not now", retryAfter));
    try (Served<EchoRuntime> served = served(runtime, options -> options)) {
      return served.post(TEXT, AB);
    }
  }

  @Test
  void requests_beyond_what_the_server_serves_at_once_are_refused_before_they_are_read()
      throws Exception {
    EchoRuntime runtime = new EchoRuntime(8, 0);
    runtime.pace(new Semaphore(0));
    try (Served<EchoRuntime> served = served(runtime, options -> options.maxConcurrent(1));
        RawClient first = new RawClient(served.endpoint.port()).send(RawClient.post(TEXT, AB))) {
      Eventually.holds("the first runs", () -> runtime.generations().size() == 1);
      assertThat(served.post(TEXT, "no json").statusCode()).isEqualTo(429);
      first.reset();
      Eventually.holds("the first is over", () -> runtime.last().ended());
      assertThat(served.post(TEXT, "no json").statusCode()).isEqualTo(400);
    }
  }

  @Test
  void choices_are_limited_over_all_prompts() throws Exception {
    try (Served<EchoRuntime> served = served(options -> options.maxChoices(3))) {
      HttpResponse<String> response = served.post(TEXT, "{\"n\":2,\"prompt\":[\"a\",\"b\"]}");
      assertThat(response.statusCode()).isEqualTo(400);
      assertThat(error(response).get("param").stringValue()).isEqualTo("n");
      assertThat(served.runtime.generations()).isEmpty();
    }
  }

  @Test
  void a_request_that_takes_too_long_is_cancelled() throws Exception {
    EchoRuntime runtime = new EchoRuntime(8, 0);
    runtime.pace(new Semaphore(0));
    try (Served<EchoRuntime> served =
        served(runtime, options -> options.timeout(Duration.ofMillis(200)))) {
      HttpResponse<String> whole = served.post(TEXT, AB);
      assertThat(whole.statusCode()).isEqualTo(504);
      assertThat(error(whole).get("message").stringValue()).contains("200 ms");
      Eventually.holds("it ended", () -> runtime.generations().stream().allMatch(g -> g.ended()));
    }
  }

  /** The limit is what a machine that is busy with others needs for the first chunk, and more. */
  @Test
  void a_stream_that_takes_too_long_ends_with_an_error_and_is_cancelled() throws Exception {
    EchoRuntime runtime = new EchoRuntime(8, 0);
    runtime.pace(new Semaphore(2));
    try (Served<EchoRuntime> served =
        served(runtime, options -> options.timeout(Duration.ofSeconds(2)))) {
      HttpResponse<String> stream = served.post(TEXT, "{\"stream\":true,\"prompt\":\"abcdef\"}");
      assertThat(stream.statusCode()).isEqualTo(200);
      assertThat(Served.events(stream.body()).getLast().at("/error/code").stringValue())
          .isEqualTo("request_timeout");
      Eventually.holds("it ended", () -> runtime.last().ended());
    }
  }

  @Test
  void without_a_good_key_nothing_is_served() throws Exception {
    try (Served<EchoRuntime> served = served(options -> options.apiKeys(Set.of("k1", "k2")))) {
      HttpResponse<String> none = served.post(TEXT, AB);
      assertThat(none.statusCode()).isEqualTo(401);
      assertThat(none.headers().firstValue("www-authenticate")).hasValue("Bearer");
      assertThat(error(none).get("code").stringValue()).isEqualTo("invalid_api_key");
      assertThat(with(served, "Bearer k3")).isEqualTo(401);
      assertThat(with(served, "Basic k1")).isEqualTo(401);
      assertThat(with(served, "Bearer")).isEqualTo(401);
      assertThat(with(served, "Bearer k1")).isEqualTo(200);
      assertThat(with(served, "bearer k2")).isEqualTo(200);
      assertThat(served.get("/v1/models").statusCode()).isEqualTo(401);
      assertThat(served.get("/health").statusCode()).isEqualTo(200);
    }
  }

  private static int with(Served<EchoRuntime> served, String authorization) throws Exception {
    return served
        .send(
            served
                .request(TEXT)
                .header("content-type", "application/json")
                .header("authorization", authorization)
                .POST(HttpRequest.BodyPublishers.ofString(AB)))
        .statusCode();
  }

  @Test
  void the_clock_is_the_hosts() throws Exception {
    Clock clock = Clock.fixed(Instant.ofEpochSecond(42), ZoneOffset.UTC);
    try (Served<EchoRuntime> served = served(options -> options.clock(clock))) {
      assertThat(served.answer(TEXT, AB).get("created").intValue()).isEqualTo(42);
    }
  }

  @Test
  void wrong_options_are_reported_all_at_once() {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() ->
            OpenAiOptions.builder()
                .bodyLimit(Bytes.ZERO)
                .maxConcurrent(0)
                .maxChoices(-1)
                .timeout(Duration.ZERO)
                .apiKeys(Set.of(" "))
                .build())
        .satisfies(e -> assertThat(e.problems()).hasSize(5));
  }
}
