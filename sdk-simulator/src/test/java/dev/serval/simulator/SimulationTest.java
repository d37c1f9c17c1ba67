package dev.serval.simulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.model.StepLimits;
import dev.serval.batching.AdmissionPolicies;
import dev.serval.batching.ChunkPolicies;
import dev.serval.batching.OrderPolicies;
import dev.serval.batching.VictimPolicies;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

final class SimulationTest {
  private static final MachineCosts ROUND = new MachineCosts(1e6, 0, 1e4, 0, 1e5);

  private static Trace bursts() {
    return Workloads.longPromptBursts(Duration.ofMinutes(1), 1, 2, 7);
  }

  private static Simulation.Builder scarce(Trace trace) {
    return Simulation.builder(trace).blocks(270).jitter(0.1).seed(3);
  }

  @Test
  void the_same_seed_gives_the_same_steps() {
    SimulationReport first = scarce(bursts()).build().run();
    SimulationReport second = scarce(bursts()).build().run();

    assertThat(first.all().preemptions()).isPositive();
    assertThat(first.stepLog()).isEqualTo(second.stepLog()).matches("[0-9a-f]{64}");
    assertThat(first.all().total().mean()).isEqualTo(second.all().total().mean());
  }

  @Test
  void another_seed_policy_or_machine_gives_other_steps() {
    String log = scarce(bursts()).build().run().stepLog();
    BatchingPolicies smallChunks =
        new BatchingPolicies(
            AdmissionPolicies.maxWaiting(1000),
            OrderPolicies.firstComeFirstServed(),
            ChunkPolicies.fixedBudget(64),
            VictimPolicies.lastIn());

    assertThat(
            List.of(
                scarce(bursts()).seed(4).build().run().stepLog(),
                scarce(bursts()).policies(smallChunks).build().run().stepLog(),
                scarce(bursts()).blocks(271).build().run().stepLog(),
                scarce(bursts()).costs(ROUND).build().run().stepLog()))
        .doesNotContain(log)
        .doesNotHaveDuplicates();
  }

  @Test
  void a_request_alone_takes_the_time_that_its_steps_cost() {
    Trace trace = Trace.of(List.of(TracedRequest.of(Duration.ofMillis(5), 100, 4)));
    SimulationReport report = Simulation.builder(trace).costs(ROUND).build().run();

    assertThat(report.all().queue().max()).isZero();
    assertThat(report.all().firstToken().max()).isEqualTo(Duration.ofMillis(2));
    assertThat(report.all().gap().count()).isEqualTo(3);
    assertThat(report.all().gap().mean()).isEqualTo(Duration.ofNanos(1_100_000));
    assertThat(report.all().total().max()).isEqualTo(Duration.ofNanos(5_300_000));
    assertThat(report.duration()).isEqualTo(Duration.ofNanos(10_300_000));
    assertThat(report.steps()).isEqualTo(4);
    assertThat(report.computedTokens()).isEqualTo(103);
    assertThat(report.recomputedTokens()).isZero();
  }

  @Test
  void latency_counts_from_the_arrival_in_the_middle_of_a_step() {
    Trace trace =
        Trace.of(
            List.of(
                TracedRequest.of(Duration.ZERO, 500, 1),
                TracedRequest.of(Duration.ofMillis(2), 100, 1)));
    SimulationReport report = Simulation.builder(trace).costs(ROUND).build().run();

    assertThat(report.all().queue().max()).isEqualTo(Duration.ofMillis(4));
    assertThat(report.duration()).isEqualTo(Duration.ofMillis(8));
  }

  @Test
  void every_admitted_request_completes_and_no_block_stays_held() {
    Trace trace = Workloads.conversations(Duration.ofMinutes(5), 0.2, 4, 11);
    SimulationReport report = Simulation.builder(trace).blocks(300).build().run();

    RequestGroup all = report.all();
    assertThat(all.arrived()).isEqualTo(trace.requests().size());
    assertThat(all.completed() + all.refused()).isEqualTo(all.arrived());
    assertThat(all.generatedTokens())
        .isEqualTo(trace.requests().stream().mapToLong(TracedRequest::outputTokens).sum());
    assertThat(report.blocksAtTheEnd()).isZero();
  }

  @Test
  void what_does_not_fit_is_refused_and_counted_where_it_belongs() {
    Trace trace =
        Trace.of(
            List.of(
                TracedRequest.of(Duration.ZERO, 10_000, 1).withTenant("anna"),
                TracedRequest.of(Duration.ZERO, 10, 1).withTenant("bert")));
    SimulationReport report = Simulation.builder(trace).blocks(100).build().run();

    assertThat(report.tenants().keySet()).containsExactly("anna", "bert");
    assertThat(report.tenants().get("anna").refused()).isEqualTo(1);
    assertThat(report.tenants().get("bert").completed()).isEqualTo(1);
    assertThat(report.all().refused()).isEqualTo(1);
  }

  @Test
  void a_policy_that_throws_ends_the_simulation_in_a_sentence() {
    BatchingPolicies broken =
        new BatchingPolicies(
            AdmissionPolicies.maxWaiting(10),
            OrderPolicies.firstComeFirstServed(),
            (sequence, planned, snapshot) -> {
              throw new IllegalStateException("no idea");
            },
            VictimPolicies.lastIn());
    Simulation simulation = Simulation.builder(bursts()).policies(broken).build();

    assertThatThrownBy(simulation::run)
        .isInstanceOf(SimulationException.class)
        .hasMessageContaining("no idea");
  }

  @Test
  void recomputed_tokens_are_those_that_preemption_cost() {
    Trace trace =
        Trace.of(
            List.of(
                TracedRequest.of(Duration.ZERO, 64, 100),
                TracedRequest.of(Duration.ZERO, 64, 100)));
    SimulationReport free =
        Simulation.builder(trace).prefixReuse(false).limits(new StepLimits(256, 2)).build().run();
    SimulationReport scarce = Simulation.builder(trace).prefixReuse(false).blocks(14).build().run();

    assertThat(free.recomputeTax()).isZero();
    assertThat(scarce.all().preemptions()).isPositive();
    assertThat(scarce.recomputedTokens())
        .isEqualTo(scarce.computedTokens() - free.computedTokens())
        .isPositive();
    assertThat(scarce.recomputeTax())
        .isCloseTo((double) scarce.recomputedTokens() / scarce.computedTokens(), within(1e-12));
  }

  @Test
  void what_requests_limits_say_is_what_is_foreseen_of_their_answers() {
    Trace trace =
        Workloads.poisson(
            Duration.ofMinutes(2),
            8,
            TokenLengths.between(50, 150),
            TokenLengths.skewed(16, 1000, 300),
            3);
    Simulation.Builder builder = Simulation.builder(trace).blocks(500).policies(foreseeing());

    SimulationReport known = builder.build().run();
    SimulationReport unknown = builder.answerLimit(4096).build().run();

    assertThat(unknown.recomputeTax()).isGreaterThan(2 * known.recomputeTax());
    assertThat(unknown.all().generatedTokens())
        .as("answers end as the trace has them")
        .isEqualTo(known.all().generatedTokens());
  }

  private static BatchingPolicies foreseeing() {
    return new BatchingPolicies(
        AdmissionPolicies.maxWaiting(Integer.MAX_VALUE),
        OrderPolicies.firstComeFirstServed(),
        ChunkPolicies.fixedBudget(512),
        VictimPolicies.leastCost());
  }

  @Test
  void nonsense_is_refused_all_at_once() {
    Simulation.Builder builder = Simulation.builder(bursts()).blocks(-1).blockTokens(0).jitter(-1);

    assertThatThrownBy(builder::build)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("blocks")
        .hasMessageContaining("blockTokens")
        .hasMessageContaining("jitter");
  }
}
