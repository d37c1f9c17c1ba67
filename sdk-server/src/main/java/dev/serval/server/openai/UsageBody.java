package dev.serval.server.openai;

import dev.serval.api.GenerationResult;
import dev.serval.api.Usage;
import java.util.List;
import java.util.function.ToIntFunction;
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
    int prompt = sum(usages, Usage::promptTokens);
    int cached = sum(usages, Usage::cachedPromptTokens);
    int completion = sum(usages, Usage::completionTokens);
    return new UsageBody(
        prompt,
        completion,
        prompt + completion,
        new PromptTokensDetails(cached),
        details(usages),
        TimelineBody.of(results));
  }

  private static @Nullable CompletionTokensDetails details(List<Usage> usages) {
    int drafted = sum(usages, Usage::draftedTokens);
    int accepted = sum(usages, Usage::acceptedTokens);
    return drafted == 0 ? null : new CompletionTokensDetails(accepted, drafted - accepted);
  }

  private static int sum(List<Usage> usages, ToIntFunction<Usage> tokens) {
    return usages.stream().mapToInt(tokens).sum();
  }
}
