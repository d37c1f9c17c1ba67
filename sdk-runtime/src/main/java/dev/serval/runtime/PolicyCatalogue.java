package dev.serval.runtime;

import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.PolicyProvider;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.batching.AdmissionPolicies;
import dev.serval.batching.ChunkPolicies;
import dev.serval.batching.DraftPolicies;
import dev.serval.batching.OrderPolicies;
import dev.serval.batching.VictimPolicies;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The policies that a configuration can ask for by name: those of providers, given or found, and
 * the stock ones, in this order.
 *
 * @param providers whoever offers policies
 * @param waiting how many requests may wait
 * @param waitingTokens how many tokens of prompts may wait, or null for any number
 * @param chunkTokens the fixed budget of a step
 * @param problems what is wrong is added here
 */
record PolicyCatalogue(
    List<PolicyProvider> providers,
    int waiting,
    @Nullable Long waitingTokens,
    int chunkTokens,
    Problems problems) {
  /**
   * The rest of the target is for what comes after the prediction: those let in since decode beside
   * the prompts that wait. At twice the load 99 of 100 are in time with 0.6 and less.
   */
  private static final double SHARE_OF_TTFT = 0.5;

  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration WORTH_OF_PRIORITY = Duration.ofSeconds(1);

  /** A policy and what it does, in words. */
  record Named<T>(T policy, String words) {}

  Named<AdmissionPolicy> admission(PolicyWish<AdmissionPolicy> wish) {
    return policy("admission", wish, PolicyProvider::admission, stockAdmissions());
  }

  Named<OrderPolicy> order(PolicyWish<OrderPolicy> wish) {
    return policy("order", wish, PolicyProvider::order, stockOrders());
  }

  Named<ChunkPolicy> chunk(PolicyWish<ChunkPolicy> wish) {
    return policy("chunk", wish, PolicyProvider::chunk, stockChunks());
  }

  Named<VictimPolicy> victim(PolicyWish<VictimPolicy> wish) {
    return policy("victim", wish, PolicyProvider::victim, stockVictims());
  }

  Named<DraftPolicy> draft(PolicyWish<DraftPolicy> wish) {
    return policy("draft", wish, PolicyProvider::draft, stockDrafts());
  }

  private Map<String, Supplier<AdmissionPolicy>> stockAdmissions() {
    Map<String, Supplier<AdmissionPolicy>> stock = new LinkedHashMap<>();
    stock.put("queue", this::bounded);
    stock.put(
        "in-time",
        () -> AdmissionPolicies.all(bounded(), AdmissionPolicies.withinTtft(SHARE_OF_TTFT)));
    return stock;
  }

  private AdmissionPolicy bounded() {
    AdmissionPolicy requests = AdmissionPolicies.maxWaiting(waiting);
    return waitingTokens == null
        ? requests
        : AdmissionPolicies.all(requests, AdmissionPolicies.maxWaitingTokens(waitingTokens));
  }

  private static Map<String, Supplier<OrderPolicy>> stockOrders() {
    Map<String, Supplier<OrderPolicy>> stock = new LinkedHashMap<>();
    stock.put("fcfs", OrderPolicies::firstComeFirstServed);
    stock.put("priority", () -> OrderPolicies.agedPriority(WORTH_OF_PRIORITY));
    stock.put("fair", OrderPolicies::fairBetweenTenants);
    stock.put("deadline", OrderPolicies::earliestDeadline);
    stock.put("shortest", () -> OrderPolicies.shortestPrefill(PATIENCE));
    stock.replaceAll((name, policy) -> () -> OrderPolicies.levelsFirst(policy.get()));
    return stock;
  }

  private Map<String, Supplier<ChunkPolicy>> stockChunks() {
    Map<String, Supplier<ChunkPolicy>> stock = new LinkedHashMap<>();
    stock.put("time", ChunkPolicies::timeSized);
    stock.put("fixed", () -> ChunkPolicies.fixedBudget(chunkTokens));
    return stock;
  }

  private static Map<String, Supplier<VictimPolicy>> stockVictims() {
    Map<String, Supplier<VictimPolicy>> stock = new LinkedHashMap<>();
    stock.put("last-in", VictimPolicies::lastIn);
    stock.put("least-computed", VictimPolicies::leastComputed);
    stock.put("least-cost", VictimPolicies::leastCost);
    return stock;
  }

  private static Map<String, Supplier<DraftPolicy>> stockDrafts() {
    Map<String, Supplier<DraftPolicy>> stock = new LinkedHashMap<>();
    stock.put("predicted", DraftPolicies::predicted);
    stock.put("prompt-lookup", DraftPolicies::promptLookup);
    stock.put("none", () -> DraftPolicy.NONE);
    return stock;
  }

  private <T> Named<T> policy(
      String role,
      PolicyWish<T> wish,
      Function<PolicyProvider, Optional<T>> part,
      Map<String, Supplier<T>> stock) {
    return switch (wish) {
      case PolicyWish.Given<T>(T policy) -> new Named<>(policy, words(policy));
      case PolicyWish.ByName<T>(String name) -> named(role, name, part, stock);
    };
  }

  private <T> Named<T> named(
      String role,
      String name,
      Function<PolicyProvider, Optional<T>> part,
      Map<String, Supplier<T>> stock) {
    Optional<T> provided =
        providers.stream()
            .filter(provider -> provider.name().equals(name))
            .flatMap(provider -> part.apply(provider).stream())
            .findFirst();
    if (provided.isPresent()) {
      return new Named<>(provided.get(), name + ": " + words(provided.get()));
    }
    Supplier<T> known = stock.get(name);
    if (known == null) {
      problems.add(
          role, "there is no policy '%s'; there is %s".formatted(name, names(part, stock)));
      known = stock.values().iterator().next();
    }
    T policy = known.get();
    return new Named<>(policy, words(policy));
  }

  private <T> String names(
      Function<PolicyProvider, Optional<T>> part, Map<String, Supplier<T>> stock) {
    List<String> provided =
        providers.stream()
            .filter(provider -> part.apply(provider).isPresent())
            .map(PolicyProvider::name)
            .toList();
    String known = String.join(", ", stock.keySet());
    return provided.isEmpty() ? known : known + ", " + String.join(", ", provided);
  }

  /** A policy's words for itself, or the name of its class: never an address. */
  private static String words(Object policy) {
    String own = policy.toString();
    String name = policy.getClass().getName();
    if (!own.startsWith(name + "@")) {
      return own;
    }
    int lambda = name.indexOf("$$Lambda");
    String named = lambda < 0 ? name : name.substring(0, lambda);
    return "given by " + named.substring(named.lastIndexOf('.') + 1);
  }
}
