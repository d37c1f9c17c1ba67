package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.api.FinishReason;
import dev.serval.api.Generation;
import dev.serval.api.Quota;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.RuntimeDescription;
import dev.serval.api.ServingRuntime;
import dev.serval.api.Tenant;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.PolicyProvider;
import dev.serval.testkit.models.Oracle;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Policies that are asked for by name, and what they let in. */
final class PolicyNamesTest {
  @TempDir Path folder;
  private final OracleRequests requests = new OracleRequests(Oracle.named("llama"));
  private Path model = Path.of("");

  @BeforeEach
  void store() throws IOException {
    model = requests.oracle().folder(folder);
  }

  private ServingRuntimeBuilder builder() {
    return Serval.builder().model(model).warmUp(Duration.ZERO);
  }

  /** An order that is not ours, and says how often it was asked. */
  private record ShortestAnswer(List<Integer> asked) implements PolicyProvider {
    @Override
    public String name() {
      return "shortest-answer";
    }

    @Override
    public Optional<OrderPolicy> order() {
      return Optional.of((left, right, snapshot) -> {
        asked.add(snapshot.waiting());
        return Integer.compare(left.remainingTokens(), right.remainingTokens());
      });
    }
  }

  private static String screen(ServingRuntimeBuilder builder) {
    try (ServingRuntime runtime = builder.build()) {
      RuntimeDescription description = runtime.describe();
      return description.toString();
    }
  }

  @Test
  void the_defaults_are_on_the_screen() {
    assertThat(screen(builder()))
        .contains("up to 1024 requests wait")
        .contains("first come, first served, higher classes first")
        .contains("as much as keeps the steps within the targets of the decodes beside it")
        .contains("the cheapest to compute again, where it was not foreseen");
  }

  @Test
  void stock_policies_are_known_by_name() {
    assertThat(
            screen(
                builder()
                    .admission("in-time")
                    .order("fair")
                    .chunk("fixed")
                    .chunkTokens(128)
                    .victim("least-cost")))
        .contains("up to 1024 requests wait, first tokens are predicted in time")
        .contains("fair between tenants, by the tokens they were served, higher classes first")
        .contains("steps filled up to 128 tokens")
        .contains("the cheapest to compute again");
  }

  @ParameterizedTest
  @ValueSource(strings = {"fcfs", "priority", "fair", "deadline", "shortest"})
  void answers_are_the_same_in_any_order(String order) {
    try (ServingRuntime runtime = builder().order(order).maxRunning(2).build()) {
      List<Generation> begun = new ArrayList<>();
      for (int i = 0; i < requests.count(); i++) {
        begun.add(requests.begin(runtime, i));
      }
      for (int i = 0; i < begun.size(); i++) {
        requests.checkResult(begun.get(i), i, order);
      }
    }
  }

  @Test
  void a_policy_that_is_not_ours_is_used_and_shown_by_its_name() {
    ShortestAnswer provider = new ShortestAnswer(new ArrayList<>());
    ServingRuntimeBuilder builder =
        builder().maxRunning(1).policyProvider(provider).order("shortest-answer");
    try (ServingRuntime runtime = builder.build()) {
      assertThat(runtime.describe().toString())
          .contains("shortest-answer: given by PolicyNamesTest");
      List<Generation> begun = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        begun.add(requests.begin(runtime, i % requests.count()));
      }
      begun.forEach(OracleRequests::result);
    }
    assertThat(provider.asked()).isNotEmpty();
  }

  @Test
  void an_unknown_name_is_refused_with_those_there_are() {
    assertThatThrownBy(() ->
            builder()
                .policyProvider(new ShortestAnswer(new ArrayList<>()))
                .order("fairest")
                .chunk("small")
                .build())
        .hasMessageContaining(
            "order: there is no policy 'fairest'; there is fcfs, priority, fair, deadline, shortest, shortest-answer")
        .hasMessageContaining("chunk: there is no policy 'small'; there is time, fixed");
  }

  @Test
  void a_tenant_beyond_its_quota_is_refused() {
    Tenant tenant = Tenant.of("anna").withQuota(Quota.ofRequests(1));
    try (ServingRuntime runtime = builder().build()) {
      Generation first = runtime.submit(requests.request(0).maxTokens(16).tenant(tenant).build());
      RequestRejectedException refusal =
          catchThrowableOfType(
              RequestRejectedException.class,
              () -> {
                for (int i = 0; i < 100; i++) {
                  runtime.submit(requests.request(0).maxTokens(16).tenant(tenant).build()).close();
                }
              });
      assertThat(refusal.reason()).isEqualTo(Reason.QUOTA);
      first.close();
    }
  }

  @Test
  void a_request_whose_deadline_passes_says_so() {
    try (ServingRuntime runtime = builder().build()) {
      Generation late = runtime.submit(requests.request(0).deadline(Duration.ofNanos(1)).build());
      assertThat(OracleRequests.result(late).choices().getFirst().finishReason())
          .isEqualTo(FinishReason.DEADLINE);
    }
  }
}
