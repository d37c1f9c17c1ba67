package dev.serval.command.simulate;

import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.PolicyProvider;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.batching.AdmissionPolicies;
import dev.serval.batching.ChunkPolicies;
import dev.serval.batching.OrderPolicies;
import dev.serval.batching.VictimPolicies;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Supplier;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * The four policies of one column, as the command line names them: words separated by commas, the
 * first an order, the others {@code role=name}. The names are those of the runtime's configuration;
 * policies that {@link ServiceLoader} finds are known as well.
 */
public final class PolicyChoice {
  /** What there is to choose from. */
  public static final String DESCRIPTION =
      "order fcfs, priority, fair, deadline or shortest; chunk=time or a number of tokens;"
          + " victim=last-in, least-computed or least-cost; admission=queue or in-time;"
          + " waiting=a number";

  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration WORTH_OF_PRIORITY = Duration.ofSeconds(1);
  private static final double SHARE_OF_TTFT = 0.5;

  private static final Map<String, Supplier<OrderPolicy>> ORDERS =
      Map.of(
          "fcfs", OrderPolicies::firstComeFirstServed,
          "priority", () -> OrderPolicies.agedPriority(WORTH_OF_PRIORITY),
          "fair", OrderPolicies::fairBetweenTenants,
          "deadline", OrderPolicies::earliestDeadline,
          "shortest", () -> OrderPolicies.shortestPrefill(PATIENCE));
  private static final Map<String, Supplier<VictimPolicy>> VICTIMS =
      Map.of(
          "last-in", VictimPolicies::lastIn,
          "least-computed", VictimPolicies::leastComputed,
          "least-cost", VictimPolicies::leastCost);

  private final String name;
  private final Map<String, String> roles;

  private PolicyChoice(String name) {
    this.name = name;
    roles =
        new HashMap<>(
            Map.of(
                "chunk", "time",
                "victim", "least-cost",
                "admission", "queue",
                "waiting", String.valueOf(Integer.MAX_VALUE)));
    String[] words = name.split(",", -1);
    for (int i = 1; i < words.length; i++) {
      int equals = words[i].indexOf('=');
      put(equals < 0 ? words[i] : words[i].substring(0, equals), words[i].substring(equals + 1));
    }
    roles.put("order", words[0]);
  }

  private void put(String role, String value) {
    if (!roles.containsKey(role)) {
      throw new IllegalArgumentException(
          "'" + role + "' is no role; there are admission, chunk, victim and waiting");
    }
    roles.put(role, value);
  }

  /**
   * Reads a choice.
   *
   * @param text as on the command line
   * @return the choice
   * @throws IllegalArgumentException when it names what there is not, saying what there is
   */
  public static PolicyChoice of(String text) {
    PolicyChoice choice = new PolicyChoice(text);
    choice.policies();
    return choice;
  }

  /**
   * What the command line called it.
   *
   * @return the column's heading
   */
  public String name() {
    return name;
  }

  /**
   * New policies of this choice.
   *
   * @return the four
   */
  public BatchingPolicies policies() {
    return new BatchingPolicies(
        named("admission", PolicyProvider::admission, admissions()),
        OrderPolicies.levelsFirst(named("order", PolicyProvider::order, ORDERS)),
        chunk(),
        named("victim", PolicyProvider::victim, VICTIMS));
  }

  private Map<String, Supplier<AdmissionPolicy>> admissions() {
    AdmissionPolicy queue = AdmissionPolicies.maxWaiting(number("waiting", role("waiting")));
    return Map.of(
        "queue", () -> queue,
        "in-time", () -> AdmissionPolicies.all(queue, AdmissionPolicies.withinTtft(SHARE_OF_TTFT)));
  }

  private ChunkPolicy chunk() {
    String value = role("chunk");
    return !value.isEmpty() && Character.isDigit(value.charAt(0))
        ? ChunkPolicies.fixedBudget(number("chunk", value))
        : named("chunk", PolicyProvider::chunk, Map.of("time", ChunkPolicies::timeSized));
  }

  private String role(String role) {
    return roles.getOrDefault(role, "");
  }

  private static int number(String role, String value) {
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'" + value + "' is no number for " + role, e);
    }
  }

  private <P> P named(
      String role, Function<PolicyProvider, Optional<P>> part, Map<String, Supplier<P>> stock) {
    Map<String, Supplier<P>> known = new HashMap<>(stock);
    for (PolicyProvider provider : ServiceLoader.load(PolicyProvider.class)) {
      part.apply(provider).ifPresent(policy -> known.put(provider.name(), () -> policy));
    }
    Supplier<P> policy = known.get(role(role));
    if (policy == null) {
      throw new IllegalArgumentException(
          "'%s' is no %s policy; there are %s"
              .formatted(role(role), role, String.join(", ", new TreeSet<>(known.keySet()))));
    }
    return policy.get();
  }

  /** Reads a choice from the command line. */
  public static final class Converter implements ITypeConverter<PolicyChoice> {
    @Override
    public PolicyChoice convert(String text) {
      try {
        return PolicyChoice.of(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(String.valueOf(e.getMessage()));
      }
    }
  }
}
