package dev.serval.server.openai;

import dev.serval.api.GenerationResult;
import dev.serval.api.Usage;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The tokens an answer took, over all of its prompts, and where its time went if that was asked.
 */
public record UsageBody(
    int promptTokens,
    int completionTokens,
    int totalTokens,
    PromptTokensDetails promptTokensDetails,
    @Nullable CompletionTokensDetails completionTokensDetails,
    @Nullable List<TimelineBody> timelines) {
  /** Those of the prompt that were found in the cache. */
  public record PromptTokensDetails(int cachedTokens) {}

  /** Those that were predicted and verified, if any were. */
  public record CompletionTokensDetails(
      int acceptedPredictionTokens, int rejectedPredictionTokens) {}

  static UsageBody of(List<GenerationResult> results) {
    List<Usage> usages = results.stream().map(GenerationResult::usage).toList();
    int prompt = usages.stream().mapToInt(Usage::promptTokens).sum();
    int cached = usages.stream().mapToInt(Usage::cachedPromptTokens).sum();
    int completion = usages.stream().mapToInt(Usage::completionTokens).sum();
    return new UsageBody(
        prompt,
        completion,
        prompt + completion,
        new PromptTokensDetails(cached),
        details(usages),
        TimelineBody.of(results));
  }

  private static @Nullable CompletionTokensDetails details(List<Usage> usages) {
    int drafted = usages.stream().mapToInt(Usage::draftedTokens).sum();
    int accepted = usages.stream().mapToInt(Usage::acceptedTokens).sum();
    return drafted == 0 ? null : new CompletionTokensDetails(accepted, drafted - accepted);
  }
}
