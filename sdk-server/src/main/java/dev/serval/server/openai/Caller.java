package dev.serval.server.openai;

import dev.serval.api.EmbeddingRequest;
import dev.serval.api.GenerationRequest;
import dev.serval.api.IsolationScope;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Who asks, as the host tells it from its own principal: a request's body has no say in it.
 *
 * @param scope whose cached data a request may meet
 * @param tenant on whose account it runs
 * @param level what its class is promised
 * @param deadline how long it may take, or null for as long as it takes
 */
public record Caller(
    IsolationScope scope, Tenant tenant, ServiceLevel level, @Nullable Duration deadline) {
  /** Fills in what the caller has a say in. */
  void apply(GenerationRequest.Builder request) {
    request.scope(scope).tenant(tenant).level(level);
    if (deadline != null) {
      request.deadline(deadline);
    }
  }

  /** Fills in what the caller has a say in. */
  void apply(EmbeddingRequest.Builder request) {
    request.tenant(tenant);
    if (deadline != null) {
      request.deadline(deadline);
    }
  }

  /** The same caller, who puts up with less. */
  Caller yielding() {
    boolean lower = level.rank() < ServiceLevel.BATCH.rank();
    return lower ? new Caller(scope, tenant, ServiceLevel.BATCH, deadline) : this;
  }
}
