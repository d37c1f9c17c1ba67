package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.SequenceView;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** What every {@link OrderPolicy} does: it is an order, at any one moment. */
public abstract class OrderPolicyContract {
  private static final int ROUNDS = 2_000;

  private Random random = new Random();

  /** Made by JUnit. */
  protected OrderPolicyContract() {}

  /**
   * The policy under test.
   *
   * @return the policy
   */
  protected abstract OrderPolicy policy();

  @BeforeEach
  void seed(TestReporter reporter) {
    long seed = Long.getLong("serval.seed", System.nanoTime());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    random = new Random(seed);
  }

  private static int sign(
      OrderPolicy policy, SequenceView left, SequenceView right, PolicyScene scene) {
    return Integer.signum(policy.compare(left, right, scene));
  }

  @Test
  void a_sequence_is_equal_to_itself() {
    OrderPolicy policy = policy();
    PolicyScene scene = PolicyScene.random(random, 100, 0);
    for (SequenceView view : scene.waitingViews()) {
      assertThat(policy.compare(view, view, scene)).isZero();
    }
  }

  @Test
  void if_one_goes_first_the_other_does_not() {
    OrderPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      PolicyScene scene = PolicyScene.random(random, 2, 0);
      SequenceView a = scene.waiting(0);
      SequenceView b = scene.waiting(1);
      assertThat(sign(policy, a, b, scene))
          .as("%s and %s", a, b)
          .isEqualTo(-sign(policy, b, a, scene));
    }
  }

  @Test
  void who_goes_before_the_second_goes_before_the_third() {
    OrderPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      PolicyScene scene = PolicyScene.random(random, 3, 0);
      List<PolicyScene.Sequence> three =
          scene.waitingViews().stream()
              .sorted((left, right) -> policy.compare(left, right, scene))
              .toList();
      assertThat(policy.compare(three.getFirst(), three.getLast(), scene))
          .as("first to last of %s", three)
          .isLessThanOrEqualTo(0);
      if (policy.compare(three.getFirst(), three.getLast(), scene) == 0) {
        assertThat(policy.compare(three.getFirst(), three.get(1), scene)).isZero();
        assertThat(policy.compare(three.get(1), three.getLast(), scene)).isZero();
      }
    }
  }

  @Test
  void asked_again_it_answers_the_same() {
    OrderPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      PolicyScene scene = PolicyScene.random(random, 2, 0);
      int answer = sign(policy, scene.waiting(0), scene.waiting(1), scene);
      assertThat(sign(policy, scene.waiting(0), scene.waiting(1), scene)).isEqualTo(answer);
    }
  }
}
