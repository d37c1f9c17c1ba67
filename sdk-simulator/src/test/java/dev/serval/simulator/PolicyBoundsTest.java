package dev.serval.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.api.model.StepLimits;
import dev.serval.batching.AdmissionPolicies;
import dev.serval.batching.ChunkPolicies;
import dev.serval.batching.OrderPolicies;
import dev.serval.batching.VictimPolicies;
import dev.serval.testkit.ThreadMeter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the stock policies promise, on the workloads that they were made for. */
final class PolicyBoundsTest {
  private static final AdmissionPolicy ANYBODY = AdmissionPolicies.maxWaiting(Integer.MAX_VALUE);
  private static final OrderPolicy FCFS = OrderPolicies.firstComeFirstServed();

  private static Simulation.Builder simulation(
      Trace trace, AdmissionPolicy admission, OrderPolicy order, VictimPolicy victim) {
    return Simulation.builder(trace)
        .costs(MachineCosts.largeModelOnAccelerator())
        .policies(new BatchingPolicies(admission, order, ChunkPolicies.fixedBudget(512), victim));
  }

  /** The smaller half of the 27: the mean over clients of each one's mean time to first token. */
  private static double smallerHalf(SimulationReport report) {
    return IntStream.rangeClosed(15, 27)
        .mapToObj(i -> report.tenants().get("client-%02d".formatted(i)))
        .mapToLong(client -> client.firstToken().mean().toNanos())
        .average()
        .orElseThrow();
  }

  @ParameterizedTest
  @ValueSource(longs = 1)
  void small_clients_among_27_unequal_ones_hear_ten_times_sooner_at_equal_throughput(long seed) {
    Trace trace = Workloads.unequalClients(Duration.ofMinutes(10), 16, seed);
    SimulationReport inTurn =
        simulation(trace, ANYBODY, FCFS, VictimPolicies.lastIn())
            .blocks(1200)
            .limits(new StepLimits(2048, 32))
            .build()
            .run();
    SimulationReport fair =
        simulation(trace, ANYBODY, OrderPolicies.fairBetweenTenants(), VictimPolicies.lastIn())
            .blocks(1200)
            .limits(new StepLimits(2048, 32))
            .build()
            .run();

    assertThat(smallerHalf(inTurn)).isGreaterThanOrEqualTo(10 * smallerHalf(fair));
    assertThat(fair.totalThroughput()).isGreaterThanOrEqualTo(0.99 * inTurn.totalThroughput());
    assertThat(fair.all().completed()).isEqualTo(trace.requests().size());
  }

  /** Chats, and among them long documents with short answers. */
  private static Trace chatsAndDocuments(long seed) {
    Random random = new Random(seed);
    List<TracedRequest> requests = new ArrayList<>();
    Trace chats =
        Workloads.poisson(
            Duration.ofMinutes(5),
            8,
            TokenLengths.between(50, 150),
            TokenLengths.skewed(16, 1000, 300),
            seed);
    for (TracedRequest chat : chats.requests()) {
      requests.add(
          random.nextInt(5) > 0
              ? chat
              : TracedRequest.of(
                  chat.arrival(), random.nextInt(1000, 4000), random.nextInt(16, 116)));
    }
    return Trace.of(requests);
  }

  /** Chats, and where asked, among them long documents with short answers. */
  private static Trace scarceTrace(boolean documents, long seed) {
    return documents
        ? chatsAndDocuments(seed)
        : Workloads.poisson(
            Duration.ofMinutes(5),
            8,
            TokenLengths.between(50, 150),
            TokenLengths.skewed(16, 1000, 300),
            seed);
  }

  @ParameterizedTest
  @CsvSource({
    "true, 800, true", "true, 800, false", "true, 500, true", "true, 500, false",
    "false, 500, true", "false, 500, false", "false, 600, true", "false, 600, false",
  })
  void the_cheapest_victims_cost_at_most_half_of_the_last_at_equal_throughput(
      boolean documents, int blocks, boolean reuse) {
    for (long seed = 3; seed <= 5; seed++) {
      Trace trace = scarceTrace(documents, seed);
      SimulationReport last = scarce(trace, VictimPolicies.lastIn(), blocks, reuse);
      SimulationReport cheapest = scarce(trace, VictimPolicies.leastCost(), blocks, reuse);

      assertThat(last.recomputeTax()).isGreaterThan(0.001);
      assertThat(cheapest.recomputeTax()).isLessThanOrEqualTo(last.recomputeTax() / 2);
      assertThat(cheapest.totalThroughput()).isGreaterThanOrEqualTo(0.99 * last.totalThroughput());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void where_nobody_knows_how_long_answers_will_be_they_cost_no_more(boolean documents) {
    double last = 0;
    double cheapest = 0;
    double throughput = 0;
    for (long seed = 3; seed <= 5; seed++) {
      Trace trace = scarceTrace(documents, seed);
      SimulationReport ofLast = unforeseen(trace, VictimPolicies.lastIn());
      SimulationReport ofCheapest = unforeseen(trace, VictimPolicies.leastCost());
      last += ofLast.recomputeTax();
      cheapest += ofCheapest.recomputeTax();
      throughput += ofCheapest.totalThroughput() / ofLast.totalThroughput() / 3;
    }
    assertThat(cheapest).isLessThan(last);
    assertThat(throughput).isGreaterThan(0.98);
  }

  private static SimulationReport unforeseen(Trace trace, VictimPolicy victim) {
    return simulation(trace, ANYBODY, FCFS, victim).blocks(500).answerLimit(4096).build().run();
  }

  @Test
  void conversations_that_share_blocks_do_not_wait_for_blocks_that_nobody_needs() {
    Trace trace = Workloads.conversations(Duration.ofMinutes(5), 1.5, 5, 4);
    SimulationReport report = scarce(trace, VictimPolicies.leastCost(), 500, true);

    assertThat(report.recomputeTax()).isLessThan(0.001);
    assertThat(report.all().firstToken().percentile(50)).isLessThan(Duration.ofMillis(100));
  }

  @Test
  void where_prefixes_are_found_again_next_to_nothing_is_computed_twice() {
    SimulationReport report =
        scarce(chatsAndDocuments(3), VictimPolicies.leastComputed(), 800, true);

    assertThat(report.all().preemptions()).isPositive();
    assertThat(report.recomputeTax()).isBetween(0.0, 0.005);
  }

  private static SimulationReport scarce(
      Trace trace, VictimPolicy victim, int blocks, boolean reuse) {
    return simulation(trace, ANYBODY, FCFS, victim).prefixReuse(reuse).blocks(blocks).build().run();
  }

  @Test
  void under_twice_the_load_who_is_admitted_hears_in_time() {
    Trace trace =
        Workloads.poisson(
            Duration.ofMinutes(5),
            50,
            TokenLengths.skewed(16, 2000, 300),
            TokenLengths.skewed(16, 1000, 200),
            3);
    SimulationReport report =
        simulation(trace, AdmissionPolicies.withinTtft(0.5), FCFS, VictimPolicies.leastCost())
            .jitter(0.05)
            .build()
            .run();

    RequestGroup all = report.all();
    assertThat((double) all.refused() / all.arrived()).isBetween(0.35, 0.55);
    assertThat(all.firstToken().shareWithin(Duration.ofSeconds(2))).isGreaterThanOrEqualTo(0.99);
  }

  @Test
  void an_hour_of_bursts_is_over_in_seconds_and_the_same_each_time() {
    Trace trace = Workloads.longPromptBursts(Duration.ofHours(1), 0.5, 2, 7);
    Simulation simulation = Simulation.builder(trace).build();
    ThreadMeter meter = new ThreadMeter();
    long begin = meter.processorNanos(Thread.currentThread());
    SimulationReport report = simulation.run();
    Duration taken = Duration.ofNanos(meter.processorNanos(Thread.currentThread()) - begin);

    assertThat(report.duration()).isGreaterThan(Duration.ofMinutes(59));
    assertThat(taken).isLessThan(Duration.ofMillis(report.duration().toMillis() / 100));
    assertThat(simulation.run().stepLog()).isEqualTo(report.stepLog());
  }
}
