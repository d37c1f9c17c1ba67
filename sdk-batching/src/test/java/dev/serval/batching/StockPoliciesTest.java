package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.IsolationScope;
import dev.serval.api.Sampling;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.testkit.AdmissionPolicyContract;
import dev.serval.testkit.ChunkPolicyContract;
import dev.serval.testkit.OrderPolicyContract;
import dev.serval.testkit.VictimPolicyContract;
import java.util.Set;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

final class StockPoliciesTest {
  private static final SequenceRequest REQUEST =
      new SequenceRequest(
          "s", new int[] {1}, 1, Sampling.GREEDY, 0, -1, Set.of(), 0, IsolationScope.HOST);

  @Nested
  final class MaxWaiting extends AdmissionPolicyContract {
    @Override
    protected AdmissionPolicy policy() {
      return AdmissionPolicies.maxWaiting(64);
    }

    @Test
    void the_limit_is_named() {
      assertThat(policy().refusal(REQUEST, new EngineLoad(63, 8, 0, 10))).isEmpty();
      assertThat(policy().refusal(REQUEST, new EngineLoad(64, 0, 10, 10)))
          .hasValue("64 requests wait already, and no more than 64 may");
    }

    @Test
    void a_limit_that_nobody_passes_is_refused() {
      assertThatThrownBy(() -> AdmissionPolicies.maxWaiting(0))
          .hasMessageContaining("at least 1 sequence may wait, unlike 0");
    }
  }

  @Nested
  final class FirstComeFirstServed extends OrderPolicyContract {
    @Override
    protected OrderPolicy policy() {
      return OrderPolicies.firstComeFirstServed();
    }
  }

  @Nested
  final class Priority extends OrderPolicyContract {
    @Override
    protected OrderPolicy policy() {
      return OrderPolicies.priority();
    }
  }

  @Nested
  final class FixedBudget extends ChunkPolicyContract {
    @Override
    protected ChunkPolicy policy() {
      return ChunkPolicies.fixedBudget(256);
    }

    @Test
    void a_budget_of_nothing_is_refused() {
      assertThatThrownBy(() -> ChunkPolicies.fixedBudget(0))
          .hasMessageContaining("at least 1 token, not 0");
    }
  }

  @Nested
  final class LastIn extends VictimPolicyContract {
    @Override
    protected VictimPolicy policy() {
      return VictimPolicies.lastIn();
    }
  }
}
