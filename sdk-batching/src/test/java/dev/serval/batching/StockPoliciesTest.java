package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.Applicant;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.Refusal;
import dev.serval.api.batching.ServiceTerms;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.testkit.AdmissionPolicyContract;
import dev.serval.testkit.ChunkPolicyContract;
import dev.serval.testkit.OrderPolicyContract;
import dev.serval.testkit.VictimPolicyContract;
import java.time.Duration;
import java.util.OptionalInt;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

final class StockPoliciesTest {
  private static final Applicant APPLICANT =
      new Applicant(1, OptionalInt.of(1), 0, ServiceTerms.DEFAULT);

  @Nested
  final class MaxWaiting extends AdmissionPolicyContract {
    @Override
    protected AdmissionPolicy policy() {
      return AdmissionPolicies.maxWaiting(64);
    }

    @Test
    void the_limit_is_named() {
      assertThat(policy().refusal(APPLICANT, new EngineLoad(63, 8, 0, 10))).isEmpty();
      assertThat(policy().refusal(APPLICANT, new EngineLoad(64, 0, 10, 10)))
          .hasValue(Refusal.overloaded("64 requests wait already, and no more than 64 may", null));
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
  final class AgedPriority extends OrderPolicyContract {
    @Override
    protected OrderPolicy policy() {
      return OrderPolicies.agedPriority(Duration.ofMillis(100));
    }

    @Test
    void a_patience_of_nothing_is_refused() {
      assertThatThrownBy(() -> OrderPolicies.agedPriority(Duration.ZERO))
          .hasMessageContaining("positive and at most a day, unlike PT0S");
    }
  }

  @Nested
  final class FairBetweenTenants extends OrderPolicyContract {
    @Override
    protected OrderPolicy policy() {
      return OrderPolicies.fairBetweenTenants();
    }
  }

  @Nested
  final class EarliestDeadline extends OrderPolicyContract {
    @Override
    protected OrderPolicy policy() {
      return OrderPolicies.earliestDeadline();
    }
  }

  @Nested
  final class ShortestPrefill extends OrderPolicyContract {
    @Override
    protected OrderPolicy policy() {
      return OrderPolicies.shortestPrefill(Duration.ofSeconds(100));
    }
  }

  @Nested
  final class LevelsFirst extends OrderPolicyContract {
    @Override
    protected OrderPolicy policy() {
      return OrderPolicies.levelsFirst(OrderPolicies.shortestPrefill(Duration.ofSeconds(100)));
    }

    @Test
    void its_words_are_those_of_both() {
      assertThat(OrderPolicies.levelsFirst(OrderPolicies.firstComeFirstServed()))
          .hasToString("first come, first served, higher classes first");
    }
  }

  @Nested
  final class TimeSized extends ChunkPolicyContract {
    @Override
    protected ChunkPolicy policy() {
      return ChunkPolicies.timeSized();
    }
  }

  @Nested
  final class LeastComputed extends VictimPolicyContract {
    @Override
    protected VictimPolicy policy() {
      return VictimPolicies.leastComputed();
    }
  }

  @Nested
  final class LeastCost extends VictimPolicyContract {
    @Override
    protected VictimPolicy policy() {
      return VictimPolicies.leastCost();
    }
  }

  @Nested
  final class MaxWaitingTokens extends AdmissionPolicyContract {
    @Override
    protected AdmissionPolicy policy() {
      return AdmissionPolicies.maxWaitingTokens(10_000);
    }
  }

  @Nested
  final class WithinTtft extends AdmissionPolicyContract {
    @Override
    protected AdmissionPolicy policy() {
      return AdmissionPolicies.withinTtft(0.8);
    }
  }

  @Nested
  final class All extends AdmissionPolicyContract {
    @Override
    protected AdmissionPolicy policy() {
      return AdmissionPolicies.all(
          AdmissionPolicies.maxWaiting(100),
          AdmissionPolicies.maxWaitingTokens(10_000),
          AdmissionPolicies.withinTtft(0.8));
    }

    @Test
    void its_words_are_those_of_each() {
      assertThat(policy())
          .hasToString(
              "up to 100 requests wait, up to 10000 tokens wait, first tokens are predicted in time");
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
