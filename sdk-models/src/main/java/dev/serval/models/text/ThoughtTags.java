package dev.serval.models.text;

import dev.serval.api.model.AnswerDecoder;
import dev.serval.api.model.ReasoningFormat;
import dev.serval.api.model.Tokenizer;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Thoughts between two tokens, the first of which may be the prompt's: as Qwen 3, DeepSeek-R1 and
 * many others have them.
 *
 * @param open begins a thought
 * @param close ends it
 */
record ThoughtTags(int open, int close) implements ReasoningFormat {
  private record Spelling(String open, String close) {}

  private static final List<Spelling> SPELLINGS =
      List.of(
          new Spelling("<think>", "</think>"),
          new Spelling("[THINK]", "[/THINK]"),
          new Spelling("<seed:think>", "</seed:think>"),
          new Spelling("<|START_THINKING|>", "<|END_THINKING|>"));

  /** Those that a vocabulary has. */
  static Optional<ReasoningFormat> in(Vocabulary vocabulary) {
    return SPELLINGS.stream().flatMap(tags -> tags(tags, vocabulary).stream()).findFirst();
  }

  private static Optional<ReasoningFormat> tags(Spelling tags, Vocabulary vocabulary) {
    OptionalInt open = vocabulary.addedId(tags.open);
    OptionalInt close = vocabulary.addedId(tags.close);
    return open.isPresent() && close.isPresent()
        ? Optional.of(new ThoughtTags(open.getAsInt(), close.getAsInt()))
        : Optional.empty();
  }

  @Override
  public AnswerDecoder decoder(Tokenizer tokenizer, int[] prompt) {
    return new Decoder(tokenizer, begun(prompt));
  }

  private boolean begun(int[] prompt) {
    for (int i = prompt.length - 1; i >= 0; i--) {
      if (prompt[i] == open || prompt[i] == close) {
        return prompt[i] == open;
      }
    }
    return false;
  }

  private final class Decoder implements AnswerDecoder {
    private final Tokenizer tokenizer;
    private AnswerPart part;

    Decoder(Tokenizer tokenizer, boolean thinking) {
      this.tokenizer = tokenizer;
      part = new AnswerPart(tokenizer.decoder(), thinking, thinking);
    }

    @Override
    public Piece next(int id) {
      if (id != open && id != close) {
        return part.next(id);
      }
      Piece rest = part.finish();
      part = new AnswerPart(tokenizer.decoder(), id == open, true);
      return rest;
    }

    @Override
    public Piece finish() {
      return part.finish();
    }
  }
}
