package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.prompt;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.ServiceTerms;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.model.SampledToken;
import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.testkit.CollectingSink;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Orders that share an engine out, in a time that the test makes. */
final class FairnessTest {
  private static final int LONGEST_PROMPT = 40;
  private static final int BLOCKS = 40;
  private static final int BLOCK_TOKENS = 4;

  private static ServiceTerms terms(Tenant tenant) {
    return new ServiceTerms(ServiceLevel.INTERACTIVE, tenant, null);
  }

  /**
   * A tenant that always has sequences waiting, and what it was served: 1 a prompt's token, 2 each.
   */
  private static final class Client {
    final Tenant tenant;
    private final DrivenEngine engine;
    private final Random random;
    private final List<CollectingSink> open = new ArrayList<>();
    private double served;

    Client(Tenant tenant, DrivenEngine engine, Random random) {
      this.tenant = tenant;
      this.engine = engine;
      this.random = random;
    }

    void keepWaiting(int sequences, int prompt, int answer) {
      open.removeIf(CollectingSink::hasEnded);
      while (open.size() < sequences) {
        submit(1 + random.nextInt(prompt), 1 + random.nextInt(answer));
      }
    }

    void submit(int prompt, int answer) {
      CollectingSink sink = new CollectingSink();
      open.add(sink);
      TokenSink counting = new Counting(this, prompt, sink);
      engine.submit(prompt(random.nextInt(1000), prompt), answer, terms(tenant), counting);
    }

    /** Service by its weight. */
    double share() {
      return served / tenant.weight();
    }
  }

  /** Counts what its client is served: a prompt as soon as it has a token, as is each token. */
  private static final class Counting implements TokenSink {
    private final Client client;
    private final int prompt;
    private final TokenSink sink;
    private boolean begun;

    Counting(Client client, int prompt, TokenSink sink) {
      this.client = client;
      this.prompt = prompt;
      this.sink = sink;
    }

    @Override
    public Verdict token(SampledToken token) {
      client.served += begun ? 2 : 2 + prompt;
      begun = true;
      return sink.token(token);
    }

    @Override
    public void ended(SequenceOutcome outcome) {
      sink.ended(outcome);
    }
  }

  /**
   * Theorem 4.4 of the paper: over any interval in which two tenants both have sequences waiting,
   * their services by weight differ by 2U at most, U being the larger of the longest prompt and
   * twice the tokens that a batch can hold, by the least weight.
   */
  @RepeatedTest(10)
  void two_backlogged_tenants_are_served_within_the_papers_bound_at_every_step(
      TestReporter reporter) {
    long seed = Long.getLong("serval.seed", System.nanoTime());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    Random random = new Random(seed);
    DrivenEngine engine =
        new Setup()
            .blocks(BLOCKS, BLOCK_TOKENS)
            .limits(64, 8)
            .order(OrderPolicies.fairBetweenTenants())
            .engine();
    Client greedy = new Client(Tenant.of("greedy"), engine, random);
    Client modest = new Client(Tenant.of("modest").withWeight(2), engine, random);
    Client guest = new Client(Tenant.of("guest"), engine, random);
    double bound = 2 * Math.max(LONGEST_PROMPT, 2.0 * BLOCKS * BLOCK_TOKENS);
    double widest = 0;
    double narrowest = 0;
    for (int step = 0; step < 2000; step++) {
      greedy.keepWaiting(30, LONGEST_PROMPT, 20);
      modest.keepWaiting(12, 5, 10);
      if (random.nextInt(20) == 0) {
        guest.submit(1 + random.nextInt(20), 5);
      }
      engine.step();
      double gap = greedy.share() - modest.share();
      widest = Math.max(widest, gap);
      narrowest = Math.min(narrowest, gap);
      assertThat(widest - narrowest).as("seed %d, step %d", seed, step).isLessThanOrEqualTo(bound);
    }
    assertThat(greedy.served).isGreaterThan(bound);
    assertThat(modest.served / greedy.served).isBetween(1.5, 2.5);
  }

  @Test
  void a_tenant_that_comes_back_has_not_saved_up() {
    DrivenEngine engine =
        new Setup().limits(16, 1).order(OrderPolicies.fairBetweenTenants()).engine();
    Client busy = new Client(Tenant.of("busy"), engine, new Random(1));
    Client idle = new Client(Tenant.of("idle"), engine, new Random(2));
    idle.submit(4, 1);
    engine.run();
    for (int i = 0; i < 20; i++) {
      busy.submit(10, 5);
      engine.run();
    }
    List<String> begun = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      order(engine, busy, "busy", begun);
      order(engine, idle, "idle", begun);
    }
    engine.run();
    assertThat(begun.subList(0, 6)).filteredOn("busy"::equals).hasSizeBetween(2, 4);
  }

  private static void order(DrivenEngine engine, Client client, String name, List<String> begun) {
    engine.submit(
        prompt(begun.size() + 7, 10), 1, terms(client.tenant), new Beginning(name, begun));
  }

  /** Tells when its sequence has its first token. */
  private record Beginning(String name, List<String> begun) implements TokenSink {
    @Override
    public Verdict token(SampledToken token) {
      begun.add(name);
      return Verdict.CONTINUE;
    }

    @Override
    public void ended(SequenceOutcome outcome) {}
  }

  @Test
  void cached_prompt_tokens_are_charged_at_a_discount() {
    DrivenEngine engine =
        new Setup().limits(64, 1).order(OrderPolicies.fairBetweenTenants()).engine();
    Tenant thrifty = Tenant.of("thrifty");
    Tenant lavish = Tenant.of("lavish");
    List<String> begun = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      engine.submit(prompt(1, 40), 1, terms(thrifty), new Beginning("thrifty", begun));
      engine.submit(prompt(i + 2, 40), 1, terms(lavish), new Beginning("lavish", begun));
    }
    engine.run();
    assertThat(begun.subList(0, 12)).filteredOn("thrifty"::equals).hasSizeBetween(8, 10);
  }

  /**
   * However many of a better priority come, none that came later than its age allows goes first.
   */
  @Test
  void a_low_priority_ages_and_waits_no_longer_than_its_priority_is_worth() {
    DrivenEngine engine =
        new Setup()
            .limits(16, 1)
            .order(OrderPolicies.agedPriority(Duration.ofMillis(100)))
            .cost(batch -> 10_000_000)
            .engine();
    List<String> begun = new ArrayList<>();
    engine.submit(prompt(1, 4), 1, 5, new Beginning("early", begun));
    engine.step();
    engine.submit(prompt(2, 4), 1, 5, new Beginning("low", begun));
    long submitted = engine.now();
    long waited = 0;
    for (int i = 0; i < 200 && waited == 0; i++) {
      engine.submit(prompt(i, 4), 1, 0, new Beginning("high", begun));
      engine.submit(prompt(i + 50, 4), 1, 0, new Beginning("high", begun));
      engine.step();
      waited = begun.contains("low") ? engine.now() - submitted : 0;
    }
    long ahead = 2 * 500_000_000L;
    assertThat(waited).isBetween(500_000_000L, ahead + 20_000_000);
  }

  @Test
  void without_ageing_a_low_priority_waits_for_as_long_as_better_ones_come() {
    DrivenEngine engine = new Setup().limits(16, 1).order(OrderPolicies.priority()).engine();
    List<String> begun = new ArrayList<>();
    engine.submit(prompt(2, 4), 1, 5, new Beginning("low", begun));
    for (int i = 0; i < 200; i++) {
      engine.submit(prompt(i, 4), 1, 0, new Beginning("high", begun));
      engine.step();
    }
    assertThat(begun).hasSize(200).doesNotContain("low");
  }
}
