package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.IsolationScope;
import dev.serval.api.Sampling;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.SequenceRequest;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** What every {@link AdmissionPolicy} does. */
public abstract class AdmissionPolicyContract {
  private static final int ROUNDS = 2_000;
  private static final int BLOCKS = 1000;

  private Random random = new Random();

  /** Made by JUnit. */
  protected AdmissionPolicyContract() {}

  /**
   * The policy under test.
   *
   * @return the policy
   */
  protected abstract AdmissionPolicy policy();

  @BeforeEach
  void seed(TestReporter reporter) {
    long seed = Long.getLong("serval.seed", System.nanoTime());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    random = new Random(seed);
  }

  private SequenceRequest request() {
    return new SequenceRequest(
        "sequence",
        new int[1 + random.nextInt(1000)],
        1 + random.nextInt(1000),
        Sampling.GREEDY,
        0,
        -1,
        Set.of(),
        random.nextInt(-3, 4),
        IsolationScope.HOST);
  }

  private EngineLoad load() {
    int bound = 1 << random.nextInt(1, 16);
    return new EngineLoad(
        random.nextInt(bound), random.nextInt(300), random.nextInt(BLOCKS + 1), BLOCKS);
  }

  @Test
  void an_idle_engine_takes_a_sequence() {
    AdmissionPolicy policy = policy();
    assertThat(policy.refusal(request(), new EngineLoad(0, 0, BLOCKS, BLOCKS))).isEmpty();
  }

  @Test
  void a_refusal_is_a_sentence_and_stays_the_same() {
    AdmissionPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      SequenceRequest request = request();
      EngineLoad load = load();
      Optional<String> answer = policy.refusal(request, load);
      answer.ifPresent(sentence -> assertThat(sentence).isNotBlank());
      assertThat(policy.refusal(request, load)).isEqualTo(answer);
    }
  }

  @Test
  void whom_a_busy_engine_takes_a_less_busy_one_takes_too() {
    AdmissionPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      SequenceRequest request = request();
      EngineLoad load = load();
      EngineLoad less =
          new EngineLoad(load.waiting() / 2, load.running(), load.freeBlocks(), BLOCKS);
      if (policy.refusal(request, load).isEmpty()) {
        assertThat(policy.refusal(request, less)).as("%s instead of %s", less, load).isEmpty();
      }
    }
  }
}
