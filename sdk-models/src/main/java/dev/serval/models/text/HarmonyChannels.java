package dev.serval.models.text;

import dev.serval.api.model.AnswerDecoder;
import dev.serval.api.model.ReasoningFormat;
import dev.serval.api.model.Tokenizer;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * gpt-oss's messages, each on a channel (<a
 * href="https://cookbook.openai.com/articles/openai-harmony">Harmony</a>): what is on {@code
 * analysis} is a thought, what is on others is said.
 *
 * @param start begins a message's head
 * @param channel begins a channel's name
 * @param message begins a message's text
 * @param ends end it
 */
record HarmonyChannels(int start, int channel, int message, Set<Integer> ends)
    implements ReasoningFormat {
  private static final String THOUGHTS = "analysis";

  /** Those of a vocabulary that has their tokens. */
  static Optional<ReasoningFormat> in(Vocabulary vocabulary) {
    int start = vocabulary.addedId("<|start|>").orElse(-1);
    int channel = vocabulary.addedId("<|channel|>").orElse(-1);
    int message = vocabulary.addedId("<|message|>").orElse(-1);
    Set<Integer> ends =
        Stream.of("<|end|>", "<|return|>", "<|call|>")
            .flatMapToInt(end -> vocabulary.addedId(end).stream())
            .boxed()
            .collect(Collectors.toUnmodifiableSet());
    return start < 0 || channel < 0 || message < 0
        ? Optional.empty()
        : Optional.of(new HarmonyChannels(start, channel, message, ends));
  }

  /** The prompt ends within the head of the model's message. */
  @Override
  public AnswerDecoder decoder(Tokenizer tokenizer, int[] prompt) {
    return new Decoder(tokenizer);
  }

  private final class Decoder implements AnswerDecoder {
    private final Tokenizer tokenizer;

    /** What is said; null between messages and in their heads. */
    private @Nullable AnswerPart part;

    /** A channel's name while it is read. */
    private @Nullable AnswerPart name;

    private String channelName = "";

    Decoder(Tokenizer tokenizer) {
      this.tokenizer = tokenizer;
      part = new AnswerPart(tokenizer.decoder(), false, false);
    }

    @Override
    public Piece next(int id) {
      if (id != start && id != channel && id != message && !ends.contains(id)) {
        return said(id);
      }
      Piece rest = finish();
      if (id == message) {
        part = new AnswerPart(tokenizer.decoder(), channelName.startsWith(THOUGHTS), false);
      } else {
        channelName = "";
        name = id == channel ? new AnswerPart(tokenizer.decoder(), false, true) : null;
      }
      return rest;
    }

    private Piece said(int id) {
      if (name != null) {
        channelName += name.next(id).text();
      }
      return part == null ? Piece.NONE : part.next(id);
    }

    @Override
    public Piece finish() {
      if (name != null) {
        channelName += name.finish().text();
      }
      Piece rest = part == null ? Piece.NONE : part.finish();
      name = null;
      part = null;
      return rest;
    }
  }
}
