package dev.serval.batching;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What each tenant of an engine has been served. Belongs to the engine's thread. */
final class TenantAccounts {
  /*
   * The virtual token counter of Sheng et al., «Fairness in Serving Large Language Models» (OSDI
   * 2024, https://arxiv.org/abs/2401.00588), Algorithm 2. A tenant is in the queue while any of its
   * sequences waits. Its counter grows by what it is served, divided by its weight. When it enters
   * the queue, its counter is lifted to the least of those that are in it, or, if nobody is, to that
   * of the last that left: nobody saves up while it asks for nothing.
   *
   * What must hold (the paper's Lemma 4.3): among the tenants in the queue, if the least counter is
   * always served first, no two counters are further apart than U, the larger of a prompt's charge
   * and of what one step's worth of a full batch can add up to while nobody new is let in. From it
   * follows Theorem 4.4: two tenants that are both in the queue over any interval are served within
   * 2U of each other.
   *
   * Where this departs from the paper: a sequence that gives way puts its tenant back into the queue,
   * with the same lift, and is not charged again for what is computed again. Cached tokens are charged
   * at a discount, which makes U no larger.
   *
   * The account of a tenant that has no sequence here is forgotten as soon as coming back would lift
   * it anyway, so that forgetting changes nothing.
   */
  private static final double PROMPT = 1;
  private static final double CACHED = 0.1;
  private static final double GENERATED = 2;
  private static final int KEPT = 1024;

  /** A tenant's account. */
  static final class Account {
    private double service;
    private int waiting;
    private int present;

    private Account() {}

    /** Weighted tokens served, lifts included. */
    double service() {
      return service;
    }
  }

  private final Map<String, Account> accounts = new HashMap<>();
  private final List<Account> queue = new ArrayList<>();
  private @Nullable Account lastToLeave;

  /** A sequence has come; it is in the queue next. */
  Account arrive(String tenant) {
    Account account = accounts.computeIfAbsent(tenant, name -> new Account());
    account.present++;
    return account;
  }

  /** One of a tenant's sequences begins to wait. */
  void enterQueue(Account account) {
    if (account.waiting++ == 0) {
      account.service = Math.max(account.service, lift());
      queue.add(account);
    }
  }

  /** One of a tenant's sequences waits no longer. */
  void leaveQueue(Account account) {
    if (--account.waiting == 0) {
      queue.remove(account);
      lastToLeave = account;
    }
  }

  /** A sequence has ended. */
  void leave(Account account) {
    account.present--;
    if (accounts.size() > KEPT) {
      double lift = lift();
      accounts.values().removeIf(idle -> idle.present == 0 && idle.service <= lift);
    }
  }

  private double lift() {
    if (queue.isEmpty()) {
      return lastToLeave == null ? 0 : lastToLeave.service;
    }
    double least = Double.MAX_VALUE;
    for (int i = 0; i < queue.size(); i++) {
      least = Math.min(least, queue.get(i).service);
    }
    return least;
  }

  static void chargePrompt(Account account, int tokens, int cached, double weight) {
    account.service += (PROMPT * (tokens - cached) + CACHED * cached) / weight;
  }

  static void chargeGenerated(Account account, double weight) {
    account.service += GENERATED / weight;
  }
}
