package dev.serval.models.text;

import dev.serval.api.model.TokenDecoder;
import org.jspecify.annotations.Nullable;

/** Decodes one sequence as it grows, in time that does not depend on how long it is already. */
final class SequenceDecoder implements TokenDecoder {
  private final CheckpointTokenizer tokenizer;
  private final boolean skipSpecialTokens;
  private final DecoderStage stages;
  private boolean first = true;

  SequenceDecoder(CheckpointTokenizer tokenizer, boolean skipSpecialTokens, DecoderStage stages) {
    this.tokenizer = tokenizer;
    this.skipSpecialTokens = skipSpecialTokens;
    this.stages = stages;
  }

  @Override
  public String next(int id) {
    @Nullable String token = tokenizer.token(id);
    if (token == null || (skipSpecialTokens && tokenizer.special(id))) {
      return "";
    }
    String text = stages.next(token, first);
    first = false;
    return text;
  }

  @Override
  public String finish() {
    return stages.finish();
  }
}
