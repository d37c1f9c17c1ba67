package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.StepPlan;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.testkit.CollectingSink;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What is computed again where answers need more blocks than there are. */
final class RecomputationTest {
  private static final int SEQUENCES = 300;

  /** Counts what is computed. */
  private static final class Meter implements EngineListener {
    private long computed;

    @Override
    public void step(StepPlan step, long nanos) {
      computed += step.tokens();
    }
  }

  /** The share of all computed tokens that were computed before. */
  private static double tax(VictimPolicy victim) {
    return tax(victim, 0);
  }

  private static double tax(VictimPolicy victim, int slots) {
    Meter meter = new Meter();
    DrivenEngine engine =
        new Setup()
            .blocks(150, 16)
            .swap(slots)
            .context(2000)
            .limits(512, 64)
            .victim(victim)
            .listener(meter)
            .engine();
    Random random = new Random(1);
    long once = 0;
    for (int i = 0; i < SEQUENCES; i++) {
      int[] prompt = random.ints(30 + random.nextInt(300), 0, DrivenEngine.VOCABULARY).toArray();
      int answer = 20 + random.nextInt(400);
      engine.submit(prompt, answer, new CollectingSink());
      once += prompt.length + answer - 1;
    }
    engine.run();
    return (double) (meter.computed - once) / meter.computed;
  }

  @Test
  void next_to_nothing_is_computed_again_where_blocks_have_somewhere_else_to_go() {
    assertThat(tax(VictimPolicies.lastIn(), 600)).isBetween(0.0, 0.005);
    assertThat(tax(VictimPolicies.leastComputed(), 600)).isBetween(0.0, 0.005);
  }

  @Test
  void little_is_computed_again_once_it_is_known_that_answers_outgrow_the_blocks() {
    assertThat(tax(VictimPolicies.lastIn())).isBetween(0.0, 0.08);
    assertThat(tax(VictimPolicies.leastComputed())).isBetween(0.0, 0.08);
    assertThat(tax(VictimPolicies.leastCost())).isBetween(0.0, 0.08);
  }
}
