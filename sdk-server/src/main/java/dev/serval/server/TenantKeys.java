package dev.serval.server;

import dev.serval.api.IsolationScope;
import dev.serval.api.Tenant;
import io.vertx.ext.web.RoutingContext;
import java.util.Map;

/** Tells tenants by the keys that their clients bring; a request without one is the host's own. */
final class TenantKeys {
  private final Map<String, Tenant> tenants;

  TenantKeys(Map<String, Tenant> tenants) {
    this.tenants = Map.copyOf(tenants);
  }

  /** On whose account a request runs. */
  Tenant tenant(RoutingContext ctx) {
    String key = ApiKeys.brought(ctx.request().getHeader("authorization"));
    return key == null ? Tenant.HOST : tenants.getOrDefault(key, Tenant.HOST);
  }

  /** Whose cached data it may meet. */
  IsolationScope scope(RoutingContext ctx) {
    Tenant tenant = tenant(ctx);
    return tenant.name().isEmpty() ? IsolationScope.HOST : IsolationScope.of(tenant.name());
  }
}
