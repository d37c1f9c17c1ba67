package dev.serval.batching;

import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.Applicant;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.Refusal;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The stock {@linkplain AdmissionPolicy admission policies}. */
public final class AdmissionPolicies {
  private static final int LOWER_RANK = 4;

  private AdmissionPolicies() {}

  /**
   * Lets a sequence wait unless too many wait already. Those that were handed over and not yet
   * looked at count, as do those that gave way and wait again; those that run do not. For classes
   * of the lower ranks, 4 to 7, it is half as many, so that there is always room for those above.
   *
   * @param limit how many may wait at once, at least 1: every sequence waits for a moment
   * @return the policy
   */
  public static AdmissionPolicy maxWaiting(int limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("at least 1 sequence may wait, unlike " + limit);
    }
    return new Described(
        "up to " + limit + " requests wait",
        (applicant, load) -> {
          int most = isLower(applicant) ? Math.ceilDiv(limit, 2) : limit;
          return load.waiting() < most
              ? Optional.empty()
              : overloaded(
                  "%d requests wait already, and no more than %d%s may"
                      .formatted(load.waiting(), most, ofLevel(applicant, limit, most)),
                  nextPlace(load));
        });
  }

  /**
   * Lets a sequence wait unless the prompts that wait would have too many tokens with its own. An
   * engine where nothing waits takes a prompt of any size. For classes of the lower ranks, 4 to 7,
   * it is half as many.
   *
   * @param limit how many tokens may wait at once, at least 1
   * @return the policy
   */
  public static AdmissionPolicy maxWaitingTokens(long limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("at least 1 token may wait, unlike " + limit);
    }
    return new Described(
        "up to " + limit + " tokens wait",
        (applicant, load) -> {
          long most = isLower(applicant) ? Math.ceilDiv(limit, 2) : limit;
          long waiting = load.waitingTokens();
          return load.waiting() == 0 || waiting + applicant.promptTokens() <= most
              ? Optional.empty()
              : overloaded(
                  "%d tokens wait already, and with the prompt's %d more than the %d%s that may"
                      .formatted(
                          waiting, applicant.promptTokens(), most, ofLevel(applicant, limit, most)),
                  nextPlace(load));
        });
  }

  /**
   * Lets a sequence wait if it is likely to have its first token in time: if the {@linkplain
   * EngineLoad#predictedTtftNanos predicted time} is within its class's {@code ttft}. One whose
   * class has no such target may always wait.
   *
   * @param share how much of the target the prediction may take, above 0; less than 1 leaves room
   *     for what is not foreseen
   * @return the policy
   */
  public static AdmissionPolicy withinTtft(double share) {
    if (!(share > 0 && share <= 100)) {
      throw new IllegalArgumentException("a share of the target is above 0, unlike " + share);
    }
    return new Described(
        "first tokens are predicted in time",
        (applicant, load) -> {
          long target = applicant.terms().level().ttftNanos();
          int rank = applicant.terms().level().rank();
          double predicted = load.predictedTtftNanos(applicant.promptTokens(), rank);
          return target == Long.MAX_VALUE || predicted <= target * share
              ? Optional.empty()
              : overloaded(
                  "the first token is about %.0f ms away, too close to or beyond the %d ms that class '%s' is promised"
                      .formatted(
                          predicted / 1e6, target / 1_000_000, applicant.terms().level().name()),
                  Duration.ofNanos((long) (predicted - target * share)));
        });
  }

  /**
   * Lets a sequence wait if all of some policies do; the first that does not gives the reason.
   *
   * @param policies at least one
   * @return the policy
   */
  public static AdmissionPolicy all(AdmissionPolicy... policies) {
    List<AdmissionPolicy> each = List.of(policies);
    if (each.isEmpty()) {
      throw new IllegalArgumentException("at least one admission policy is needed");
    }
    String words = String.join(", ", each.stream().map(Object::toString).toList());
    return new Described(
        words,
        (applicant, load) -> {
          for (int i = 0; i < each.size(); i++) {
            Optional<Refusal> refusal = each.get(i).refusal(applicant, load);
            if (refusal.isPresent()) {
              return refusal;
            }
          }
          return Optional.empty();
        });
  }

  private static boolean isLower(Applicant applicant) {
    return applicant.terms().level().rank() >= LOWER_RANK;
  }

  private static String ofLevel(Applicant applicant, long limit, long most) {
    return most == limit ? "" : " for class '" + applicant.terms().level().name() + "'";
  }

  private static Optional<Refusal> overloaded(String why, @Nullable Duration retryAfter) {
    return Optional.of(Refusal.overloaded(why, retryAfter));
  }

  /** When the next of those that wait begins, on average. */
  private static @Nullable Duration nextPlace(EngineLoad load) {
    double speed = load.prefillTokensPerSecond();
    return speed <= 0 || load.waiting() == 0
        ? null
        : Duration.ofNanos((long) (load.waitingTokens() / speed / load.waiting() * 1e9));
  }

  private record Described(String words, AdmissionPolicy policy) implements AdmissionPolicy {
    @Override
    public Optional<Refusal> refusal(Applicant applicant, EngineLoad load) {
      return policy.refusal(applicant, load);
    }

    @Override
    public String toString() {
      return words;
    }
  }
}
