package dev.serval.models.cpu.tier;

import dev.serval.api.ConfigurationException;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.models.cpu.system.Processor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Which tier of kernels was taken.
 *
 * @param source the tier
 * @param reason why, for people
 */
public record KernelChoice(KernelTierSource source, String reason) {

  /**
   * Takes the first tier that the preference leaves and the processor can run.
   *
   * @param sources the tiers, the fastest first
   * @param wish what the application prefers
   * @param processor where they would run
   * @throws ConfigurationException when nothing is left; says what each tier lacks
   */
  public static KernelChoice among(
      List<KernelTierSource> sources, KernelPreference wish, Processor processor) {
    Map<KernelKind, String> missing = new LinkedHashMap<>();
    for (KernelTierSource source : sources) {
      Optional<String> refusal = refusal(wish, source.kind());
      Optional<String> lack = refusal.isPresent() ? refusal : source.missing(processor);
      if (lack.isEmpty()) {
        return new KernelChoice(source, reason(wish, missing));
      }
      missing.put(source.kind(), lack.get());
    }
    throw new ConfigurationException(List.of("kernels: " + none(wish, missing)));
  }

  /** Whether kernels of a kind may be used, if only beside others. */
  public static boolean allows(KernelPreference wish, KernelKind kind) {
    return switch (wish) {
      case KernelPreference.Require(KernelKind wanted) -> wanted.compareTo(kind) > 0;
      case KernelPreference.Best best -> !best.refused().contains(kind);
    };
  }

  private static Optional<String> refusal(KernelPreference wish, KernelKind kind) {
    return switch (wish) {
      case KernelPreference.Require(KernelKind wanted) when wanted != kind ->
          Optional.of(wanted + " is required");
      case KernelPreference.Best best when best.refused().contains(kind) -> Optional.of("refused");
      default -> Optional.empty();
    };
  }

  private static String reason(KernelPreference wish, Map<KernelKind, String> missing) {
    if (wish instanceof KernelPreference.Require) {
      return "required";
    }
    return missing.isEmpty() ? "the fastest there is" : "not " + list(missing, " nor ");
  }

  private static String none(KernelPreference wish, Map<KernelKind, String> missing) {
    return switch (wish) {
      case KernelPreference.Require(KernelKind kind) ->
          "%s ones are required, but %s"
              .formatted(kind, missing.getOrDefault(kind, "this build has none"));
      case KernelPreference.Best _ -> "none are left: " + list(missing, ", ");
    };
  }

  private static String list(Map<KernelKind, String> missing, String between) {
    return missing.entrySet().stream()
        .map(entry -> entry.getKey() + " (" + entry.getValue() + ")")
        .collect(Collectors.joining(between));
  }
}
