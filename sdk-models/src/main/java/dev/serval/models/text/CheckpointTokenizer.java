package dev.serval.models.text;

import dev.serval.api.InvalidRequestException;
import dev.serval.api.model.TokenDecoder;
import dev.serval.api.model.Tokenizer;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A tokenizer as a checkpoint describes it. Encoding is native; decoding is done here, so that it
 * goes on token by token, and for a whole text in the very same way.
 */
final class CheckpointTokenizer implements Tokenizer {
  private final NativeTokenizer encoder;
  private final Vocabulary vocabulary;
  private final DecoderProgram decoder;
  private final Optional<SequenceFrame> frame;
  private final SequenceEnds ends;
  private final int ids;

  /**
   * Puts the parts together.
   *
   * @param ids how many ids the model knows; those that the vocabulary lacks have no text
   */
  CheckpointTokenizer(
      NativeTokenizer encoder,
      Vocabulary vocabulary,
      DecoderProgram decoder,
      Optional<SequenceFrame> frame,
      SequenceEnds ends,
      int ids) {
    this.encoder = encoder;
    this.vocabulary = vocabulary;
    this.decoder = decoder;
    this.frame = frame;
    this.ends = ends;
    this.ids = Math.max(ids, vocabulary.size());
  }

  @Override
  public int vocabulary() {
    return vocabulary.size();
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    requireWholeCharacters(text);
    if (addSpecialTokens && frame.isPresent()) {
      return frame.get().around(encoder.encode(text, false));
    }
    return encoder.encode(text, addSpecialTokens);
  }

  @Override
  public String decode(List<Integer> ids, boolean skipSpecialTokens) {
    SequenceDecoder sequence = new SequenceDecoder(this, skipSpecialTokens, decoder.start());
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(sequence.next(id));
    }
    return text.append(sequence.finish()).toString();
  }

  @Override
  public String text(int id) {
    @Nullable String token = token(id);
    if (token == null) {
      return "";
    }
    DecoderStage stages = decoder.middle();
    return stages.next(token, false) + stages.finish();
  }

  @Override
  public boolean special(int id) {
    return vocabulary.special(id);
  }

  @Override
  public Set<Integer> endOfSequence() {
    return ends.end();
  }

  @Override
  public OptionalInt beginningOfSequence() {
    return ends.begin();
  }

  @Override
  public TokenDecoder decoder() {
    return new SequenceDecoder(this, true, decoder.start());
  }

  @Override
  public void close() {
    encoder.close();
  }

  /** A token as the vocabulary spells it; null if the model knows the id and the vocabulary not. */
  @Nullable String token(int id) {
    if (id < 0 || id >= ids) {
      throw new InvalidRequestException(
          "tokens",
          "token %d is outside the vocabulary, whose ids are 0 to %d".formatted(id, ids - 1));
    }
    return vocabulary.token(id);
  }

  static void requireWholeCharacters(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        throw new InvalidRequestException(
            "prompt",
            "the text is no valid Unicode: at index %d it has U+%04X, half of a character"
                .formatted(i, (int) c));
      }
    }
  }
}
