package dev.serval.server.openai;

import dev.serval.api.FinishReason;
import org.jspecify.annotations.Nullable;

/** The reasons for an end, as the OpenAI API spells them. */
final class FinishReasons {
  private FinishReasons() {}

  static @Nullable String spelt(@Nullable FinishReason reason) {
    return switch (reason) {
      case null -> null;
      case STOP -> "stop";
      case LENGTH -> "length";
      case CANCELLED, DEADLINE -> "abort";
    };
  }
}
