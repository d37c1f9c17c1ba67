package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Quota;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.Tenant;
import dev.serval.api.batching.Refusal;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class QuotasTest {
  private static final long SECOND = 1_000_000_000;
  private static final Tenant TWO_AT_ONCE = Tenant.of("anna").withQuota(Quota.ofRequests(2));
  private static final Tenant SIX_HUNDRED_A_MINUTE =
      Tenant.of("ben").withQuota(Quota.UNLIMITED.withTokensPerMinute(600));

  private final Quotas quotas = new Quotas();

  private static Refusal refused(@Nullable Refusal refusal) {
    return Objects.requireNonNull(refusal);
  }

  @Test
  void a_tenant_may_have_so_many_requests_at_once() {
    assertThat(quotas.take(TWO_AT_ONCE, 10, 0)).isNull();
    assertThat(quotas.take(TWO_AT_ONCE, 10, 0)).isNull();
    Refusal refusal = refused(quotas.take(TWO_AT_ONCE, 10, 0));
    assertThat(refusal.reason()).isEqualTo(Reason.QUOTA);
    assertThat(refusal.why())
        .isEqualTo("tenant 'anna' has 2 requests under way, and its quota allows no more than 2");
    quotas.giveBack(TWO_AT_ONCE, 0, 0);
    assertThat(quotas.take(TWO_AT_ONCE, 10, 0)).isNull();
  }

  @Test
  void other_tenants_are_not_touched() {
    quotas.take(TWO_AT_ONCE, 10, 0);
    quotas.take(TWO_AT_ONCE, 10, 0);
    assertThat(quotas.take(Tenant.of("carl"), 10, 0)).isNull();
    assertThat(quotas.take(Tenant.of("dora").withQuota(Quota.ofRequests(1)), 10, 0)).isNull();
  }

  @Test
  void a_refusal_for_tokens_says_exactly_when_they_will_be_there() {
    assertThat(quotas.take(SIX_HUNDRED_A_MINUTE, 500, 0)).isNull();
    assertThat(quotas.take(SIX_HUNDRED_A_MINUTE, 100, 0)).isNull();
    Refusal refusal = refused(quotas.take(SIX_HUNDRED_A_MINUTE, 50, 0));
    assertThat(refusal.retryAfter()).isEqualTo(Duration.ofSeconds(5));
    assertThat(quotas.take(SIX_HUNDRED_A_MINUTE, 50, 5 * SECOND - 1)).isNotNull();
    assertThat(quotas.take(SIX_HUNDRED_A_MINUTE, 50, 5 * SECOND)).isNull();
  }

  @Test
  void tokens_that_were_not_generated_come_back() {
    quotas.take(SIX_HUNDRED_A_MINUTE, 600, 0);
    quotas.giveBack(SIX_HUNDRED_A_MINUTE, 400, 0);
    assertThat(quotas.take(SIX_HUNDRED_A_MINUTE, 400, 0)).isNull();
    assertThat(quotas.take(SIX_HUNDRED_A_MINUTE, 1, 0)).isNotNull();
  }

  @Test
  void a_request_larger_than_the_bucket_waits_until_it_is_full() {
    quotas.take(SIX_HUNDRED_A_MINUTE, 60, 0);
    assertThat(refused(quotas.take(SIX_HUNDRED_A_MINUTE, 5000, 0)).retryAfter())
        .isEqualTo(Duration.ofSeconds(6));
    assertThat(quotas.take(SIX_HUNDRED_A_MINUTE, 5000, 6 * SECOND)).isNull();
  }

  @Test
  void asking_takes_nothing() {
    for (int i = 0; i < 100; i++) {
      assertThat(quotas.refusal(SIX_HUNDRED_A_MINUTE, 600, 0)).isNull();
    }
  }

  @Test
  void a_tenant_that_owes_nothing_is_forgotten() {
    quotas.take(TWO_AT_ONCE, 10, 0);
    quotas.take(SIX_HUNDRED_A_MINUTE, 10, 0);
    quotas.giveBack(TWO_AT_ONCE, 0, 0);
    quotas.giveBack(SIX_HUNDRED_A_MINUTE, 0, SECOND);
    assertThat(quotas.size()).isZero();
  }

  @Test
  void no_bound_is_exceeded_however_many_ask_at_once() throws InterruptedException {
    Tenant tenant = Tenant.of("anna").withQuota(Quota.ofRequests(7));
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(4);
    for (int thread = 0; thread < 4; thread++) {
      Thread.ofPlatform()
          .start(() -> {
            for (int i = 0; i < 20_000; i++) {
              if (quotas.take(tenant, 1, 0) == null) {
                most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                inside.decrementAndGet();
                quotas.giveBack(tenant, 1, 0);
              }
            }
            done.countDown();
          });
    }
    done.await();
    assertThat(most.get()).isBetween(1, 7);
    assertThat(quotas.size()).isZero();
  }
}
