package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.Applicant;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.EngineLoad.Queue;
import dev.serval.api.batching.Refusal;
import dev.serval.api.batching.ServiceTerms;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
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

  private Applicant applicant() {
    return new Applicant(
        1 + random.nextInt(1000),
        OptionalInt.of(1 + random.nextInt(1000)),
        random.nextInt(-3, 4),
        new ServiceTerms(
            random.nextBoolean() ? ServiceLevel.INTERACTIVE : ServiceLevel.BATCH,
            Tenant.HOST,
            null));
  }

  private EngineLoad load() {
    int bound = 1 << random.nextInt(1, 16);
    List<Queue> queues = new ArrayList<>();
    int waiting = 0;
    for (int rank = 0; rank <= ServiceLevel.LOWEST_RANK; rank++) {
      int sequences = random.nextInt(bound);
      long begun = random.nextInt(5000);
      queues.add(new Queue(sequences, sequences * random.nextLong(1, 1000), begun));
      waiting += sequences;
    }
    return new EngineLoad(
        waiting,
        random.nextInt(300),
        random.nextInt(BLOCKS + 1),
        BLOCKS,
        queues,
        random.nextInt(4) == 0 ? 0 : random.nextDouble(1, 10_000));
  }

  /** Half of what waits, at the same speed. */
  private static EngineLoad less(EngineLoad load) {
    List<Queue> queues =
        load.queues().stream()
            .map(q -> new Queue(q.sequences() / 2, q.tokens() / 2, q.begunTokens() / 2))
            .toList();
    return new EngineLoad(
        queues.stream().mapToInt(Queue::sequences).sum(),
        load.running(),
        load.freeBlocks(),
        BLOCKS,
        queues,
        load.prefillTokensPerSecond());
  }

  @Test
  void an_idle_engine_takes_a_sequence() {
    AdmissionPolicy policy = policy();
    assertThat(policy.refusal(applicant(), new EngineLoad(0, 0, BLOCKS, BLOCKS))).isEmpty();
  }

  @Test
  void a_refusal_is_a_sentence_and_stays_the_same() {
    AdmissionPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      Applicant request = applicant();
      EngineLoad load = load();
      Optional<Refusal> answer = policy.refusal(request, load);
      answer.ifPresent(refusal -> assertThat(refusal.why()).isNotBlank());
      assertThat(policy.refusal(request, load)).isEqualTo(answer);
    }
  }

  @Test
  void whom_a_busy_engine_takes_a_less_busy_one_takes_too() {
    AdmissionPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      Applicant request = applicant();
      EngineLoad load = load();
      EngineLoad less = less(load);
      if (policy.refusal(request, load).isEmpty()) {
        assertThat(policy.refusal(request, less)).as("%s instead of %s", less, load).isEmpty();
      }
    }
  }
}
