package dev.serval.batching;

import dev.serval.api.Quota;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.Tenant;
import dev.serval.api.batching.Refusal;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * What tenants with a quota have taken. Used from callers' threads and the engine's; accounts
 * change one at a time and whole, so that no bound is ever exceeded. An account that is as good as
 * new is forgotten.
 *
 * <p>Tokens are metered by the generic cell rate algorithm (ITU-T I.371, annex A): an account is
 * the time until which it has been paid for, and a bucket is full when that lies in the past.
 */
final class Quotas {
  private static final long MINUTE = 60_000_000_000L;

  private final ConcurrentHashMap<String, Account> accounts = new ConcurrentHashMap<>();

  /**
   * A tenant's account.
   *
   * @param open its sequences that have not ended
   * @param paidUntil when its bucket is full again
   */
  private record Account(int open, long paidUntil) {}

  /** Why a tenant may not have so many tokens now, or null. Changes nothing. */
  @Nullable Refusal refusal(Tenant tenant, long tokens, long now) {
    return limits(tenant) ? refusal(tenant, accounts.get(tenant.name()), tokens, now) : null;
  }

  /** Takes them, or says why not. */
  @Nullable Refusal take(Tenant tenant, long tokens, long now) {
    if (!limits(tenant)) {
      return null;
    }
    AtomicReference<@Nullable Refusal> refusal = new AtomicReference<>();
    accounts.compute(
        tenant.name(),
        (name, account) -> {
          refusal.setPlain(refusal(tenant, account, tokens, now));
          return refusal.getPlain() == null ? charged(tenant, account, tokens, now) : account;
        });
    return refusal.getPlain();
  }

  /** Takes them whatever the quota says: who asks was let in already. */
  void charge(Tenant tenant, long tokens, long now) {
    if (limits(tenant)) {
      accounts.compute(tenant.name(), (name, account) -> charged(tenant, account, tokens, now));
    }
  }

  /** A sequence has ended and brings back the tokens that it did not use. */
  void giveBack(Tenant tenant, long tokens, long now) {
    if (limits(tenant)) {
      accounts.computeIfPresent(
          tenant.name(),
          (name, account) -> {
            long paid = account.paidUntil - nanos(tenant, tokens);
            return account.open <= 1 && paid <= now ? null : new Account(account.open - 1, paid);
          });
    }
  }

  private static Account charged(Tenant tenant, @Nullable Account account, long tokens, long now) {
    long paid = now + debt(account, now) + nanos(tenant, tokens);
    return new Account(account == null ? 1 : account.open + 1, paid);
  }

  private static @Nullable Refusal refusal(
      Tenant tenant, @Nullable Account account, long tokens, long now) {
    Quota quota = tenant.quota();
    if (account != null && account.open >= quota.requests()) {
      return new Refusal(
          Reason.QUOTA,
          "tenant '%s' has %d requests under way, and its quota allows no more than %d"
              .formatted(tenant.name(), account.open, quota.requests()),
          null);
    }
    long wait = debt(account, now) + Math.min(nanos(tenant, tokens), MINUTE) - MINUTE;
    return wait <= 0
        ? null
        : new Refusal(
            Reason.QUOTA,
            "tenant '%s' asks for %d tokens, and its quota of %d a minute does not allow for them yet"
                .formatted(tenant.name(), tokens, quota.tokensPerMinute()),
            Duration.ofNanos(wait));
  }

  private static long debt(@Nullable Account account, long now) {
    return account == null ? 0 : Math.max(0, account.paidUntil - now);
  }

  private static long nanos(Tenant tenant, long tokens) {
    return (long) ((double) tokens / tenant.quota().tokensPerMinute() * MINUTE);
  }

  private static boolean limits(Tenant tenant) {
    return !tenant.quota().equals(Quota.UNLIMITED);
  }

  /** How many tenants there are accounts of. */
  int size() {
    return accounts.size();
  }
}
