package dev.serval.api;

/**
 * On whose account a request runs. The host application makes it from its own principal, as it does
 * the {@link IsolationScope}; it is never read from a request's body. Requests whose tenants have
 * the same name share one account.
 *
 * @param name the account's name; empty for {@link #HOST} alone
 * @param weight its share where tenants compete: twice the weight, twice the tokens; from 0.001 to
 *     1000
 * @param quota what it may take at all
 */
public record Tenant(String name, double weight, Quota quota) {
  /** The host application itself: the account of an application that serves but one principal. */
  public static final Tenant HOST = new Tenant("", 1, Quota.UNLIMITED);

  /** Refuses a weight out of its range. */
  public Tenant {
    if (!(weight >= 0.001 && weight <= 1000)) {
      throw new IllegalArgumentException(
          "tenant '%s': a weight lies between 0.001 and 1000, unlike %s".formatted(name, weight));
    }
  }

  /**
   * A principal's account, with the weight 1 and no quota.
   *
   * @param principal the principal's name in the host application
   * @return the tenant
   * @throws IllegalArgumentException when the name is empty
   */
  public static Tenant of(String principal) {
    if (principal.isEmpty()) {
      throw new IllegalArgumentException("a tenant needs a name");
    }
    return new Tenant(principal, 1, Quota.UNLIMITED);
  }

  /**
   * The same account with another share.
   *
   * @param value the weight
   * @return a copy
   */
  public Tenant withWeight(double value) {
    return new Tenant(name, value, quota);
  }

  /**
   * The same account with another quota.
   *
   * @param value what it may take
   * @return a copy
   */
  public Tenant withQuota(Quota value) {
    return new Tenant(name, weight, value);
  }
}
