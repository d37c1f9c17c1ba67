package dev.serval.command;

import dev.serval.api.Quota;
import dev.serval.api.Tenant;

/** Reads a tenant as the command line has it: {@code NAME[:WEIGHT[:REQUESTS[:TOKENS]]]}. */
final class TenantOption {
  private TenantOption() {}

  static Tenant of(String text) {
    String[] parts = text.split(":", -1);
    try {
      if (parts.length > 4) {
        throw new IllegalArgumentException("it has " + parts.length + " parts");
      }
      double weight = parts.length > 1 ? Double.parseDouble(parts[1]) : 1;
      return Tenant.of(parts[0]).withWeight(weight).withQuota(quota(parts));
    } catch (IllegalArgumentException e) {
      throw new CommandException(
          "--tenant KEY=NAME[:WEIGHT[:REQUESTS[:TOKENS]]] cannot be '%s': %s"
              .formatted(text, e.getMessage()),
          e);
    }
  }

  private static Quota quota(String... parts) {
    Quota quota = parts.length > 2 ? Quota.ofRequests(Integer.parseInt(parts[2])) : Quota.UNLIMITED;
    return parts.length > 3 ? quota.withTokensPerMinute(Long.parseLong(parts[3])) : quota;
  }
}
