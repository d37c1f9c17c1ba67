package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.VictimPolicy;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** What every {@link VictimPolicy} does. */
public abstract class VictimPolicyContract {
  private static final int ROUNDS = 2_000;

  private Random random = new Random();

  /** Made by JUnit. */
  protected VictimPolicyContract() {}

  /**
   * The policy under test.
   *
   * @return the policy
   */
  protected abstract VictimPolicy policy();

  @BeforeEach
  void seed(TestReporter reporter) {
    long seed = Long.getLong("serval.seed", System.nanoTime());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    random = new Random(seed);
  }

  @Test
  void the_victim_is_one_that_runs() {
    VictimPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      PolicyScene scene = PolicyScene.random(random, random.nextInt(5), 1 + random.nextInt(8));
      SequenceView needy = scene.running(random.nextInt(scene.running()));
      assertThat(policy.victim(needy, scene)).isBetween(0, scene.running() - 1);
    }
  }

  @Test
  void a_sequence_that_runs_alone_is_its_own_victim() {
    VictimPolicy policy = policy();
    PolicyScene scene = PolicyScene.random(random, 3, 1);
    assertThat(policy.victim(scene.running(0), scene)).isZero();
  }

  @Test
  void asked_again_it_answers_the_same() {
    VictimPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      PolicyScene scene = PolicyScene.random(random, random.nextInt(5), 1 + random.nextInt(8));
      SequenceView needy = scene.running(random.nextInt(scene.running()));
      assertThat(policy.victim(needy, scene)).isEqualTo(policy.victim(needy, scene));
    }
  }

  @Test
  void asked_again_who_begins_it_answers_the_same() {
    VictimPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      PolicyScene scene = PolicyScene.random(random, 1 + random.nextInt(5), 1 + random.nextInt(8));
      SequenceView next = scene.waiting(random.nextInt(scene.waiting()));
      assertThat(policy.mayBegin(next, scene)).isEqualTo(policy.mayBegin(next, scene));
    }
  }
}
