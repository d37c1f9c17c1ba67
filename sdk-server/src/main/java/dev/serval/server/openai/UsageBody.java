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
    @Nullable List<TimelineBody> timelines) {
  /** Those of the prompt that were found in the cache. */
  public record PromptTokensDetails(int cachedTokens) {}

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
        TimelineBody.of(results));
  }
}
