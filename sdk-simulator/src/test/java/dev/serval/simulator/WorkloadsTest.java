package dev.serval.simulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class WorkloadsTest {
  private static final Duration TEN_MINUTES = Duration.ofMinutes(10);
  private static final TokenLengths TEN = TokenLengths.between(10, 10);

  @Test
  void the_same_seed_gives_the_same_trace() {
    assertThat(Workloads.unequalClients(TEN_MINUTES, 5, 1))
        .isEqualTo(Workloads.unequalClients(TEN_MINUTES, 5, 1));
    assertThat(Workloads.unequalClients(TEN_MINUTES, 5, 1))
        .isNotEqualTo(Workloads.unequalClients(TEN_MINUTES, 5, 2));
  }

  @Test
  void a_poisson_process_keeps_its_rate_and_its_end() {
    Trace trace = Workloads.poisson(Duration.ofHours(1), 4, TEN, TEN, 3);

    assertThat(trace.requests()).hasSizeBetween(14_000, 14_800);
    assertThat(trace.requests().getLast().arrival()).isLessThan(Duration.ofHours(1));
  }

  @Test
  void bursts_of_long_prompts_come_every_fifteen_seconds() {
    Trace trace = Workloads.longPromptBursts(Duration.ofMinutes(1), 2, 3, 1);

    assertThat(trace.requests())
        .filteredOn(request -> request.promptTokens() == 2000)
        .extracting(request -> request.arrival().toSeconds())
        .containsExactly(15L, 15L, 15L, 30L, 30L, 30L, 45L, 45L, 45L);
  }

  @Test
  void unequal_clients_are_as_many_and_as_unequal_as_they_should_be() {
    Trace trace = Workloads.unequalClients(TEN_MINUTES, 50, 1);
    Map<String, Long> counts =
        trace.requests().stream()
            .collect(
                Collectors.groupingBy(TracedRequest::tenant, TreeMap::new, Collectors.counting()));

    assertThat(counts).hasSize(27);
    assertThat(counts.get("client-01").doubleValue() / counts.get("client-27"))
        .isCloseTo(27, within(4.0));
    assertThat((double) trace.promptTokens() / trace.requests().size()).isCloseTo(136, within(4.0));
  }

  @Test
  void unequal_clients_come_for_as_long_as_they_are_told() {
    Duration hour = Duration.ofHours(1);
    Trace trace = Workloads.unequalClients(hour, 4, 1);

    assertThat(trace.requests()).hasSizeBetween(14_000, 14_800);
    assertThat(trace.requests().getLast().arrival()).isBetween(hour.minusMinutes(1), hour);
  }

  @Test
  void lengths_that_are_none_are_refused() {
    assertThatThrownBy(() -> TokenLengths.between(0, 3)).hasMessageContaining("unlike from 0 to 3");
    assertThatThrownBy(() -> TokenLengths.skewed(5, 9, 5)).hasMessageContaining("mean above it");
    assertThatThrownBy(() -> Workloads.poisson(Duration.ofSeconds(1), 0, TEN, TEN, 1))
        .hasMessageContaining("rate above 0");
  }
}
