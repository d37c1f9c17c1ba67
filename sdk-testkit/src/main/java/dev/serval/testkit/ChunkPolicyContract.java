package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.SequenceView;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** What every {@link ChunkPolicy} does. */
public abstract class ChunkPolicyContract {
  private static final int ROUNDS = 2_000;

  private Random random = new Random();

  /** Made by JUnit. */
  protected ChunkPolicyContract() {}

  /**
   * The policy under test.
   *
   * @return the policy
   */
  protected abstract ChunkPolicy policy();

  @BeforeEach
  void seed(TestReporter reporter) {
    long seed = Long.getLong("serval.seed", System.nanoTime());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    random = new Random(seed);
  }

  private PolicyScene scene() {
    return PolicyScene.random(random, random.nextInt(5), 1 + random.nextInt(5));
  }

  private PolicyScene.Plan plan(int decodes, PolicyScene scene) {
    boolean due = random.nextBoolean();
    long soon = scene.nowNanos() + random.nextLong(200_000_000);
    return new PolicyScene.Plan(decodes, due ? soon : Long.MAX_VALUE);
  }

  private SequenceView prefilling(PolicyScene scene) {
    return scene.running(random.nextInt(scene.running()));
  }

  @Test
  void a_chunk_is_never_negative() {
    ChunkPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      PolicyScene scene = scene();
      int planned = random.nextInt(scene.limits().tokens() + 1);
      assertThat(policy.chunk(prefilling(scene), plan(planned, scene), scene)).isNotNegative();
    }
  }

  @Test
  void a_step_without_anything_else_gets_a_chunk() {
    ChunkPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      PolicyScene scene = scene();
      PolicyScene.Plan empty = new PolicyScene.Plan(0, Long.MAX_VALUE);
      assertThat(policy.chunk(prefilling(scene), empty, scene)).isPositive();
    }
  }

  @Test
  void a_fuller_step_gets_no_larger_chunk() {
    ChunkPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      PolicyScene scene = scene();
      SequenceView sequence = prefilling(scene);
      int planned = random.nextInt(scene.limits().tokens());
      PolicyScene.Plan plan = plan(planned, scene);
      PolicyScene.Plan fuller = new PolicyScene.Plan(planned + 1, plan.dueNanos(0));
      assertThat(policy.chunk(sequence, fuller, scene))
          .as("%s beside %s rather than %s in %s", sequence, fuller, plan, scene)
          .isLessThanOrEqualTo(policy.chunk(sequence, plan, scene));
    }
  }
}
