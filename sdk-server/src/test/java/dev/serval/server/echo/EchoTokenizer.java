package dev.serval.server.echo;

import dev.serval.api.InvalidRequestException;
import dev.serval.api.model.TokenDecoder;
import dev.serval.api.model.Tokenizer;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Every code point is a token; 2 begins a text and 3 ends it. */
final class EchoTokenizer implements Tokenizer {
  static final int BEGIN = 2;
  static final int END = 3;

  @Override
  public int vocabulary() {
    return Character.MAX_CODE_POINT + 1;
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    IntStream begin = addSpecialTokens ? IntStream.of(BEGIN) : IntStream.empty();
    return IntStream.concat(begin, text.codePoints()).toArray();
  }

  @Override
  public String decode(List<Integer> ids, boolean skipSpecialTokens) {
    return ids.stream()
        .filter(id -> !(skipSpecialTokens && special(id)))
        .map(this::text)
        .collect(Collectors.joining());
  }

  @Override
  public String text(int id) {
    if (id < 0 || id >= vocabulary()) {
      throw new InvalidRequestException(
          "tokens", "token " + id + " is none of the " + vocabulary() + " of the vocabulary");
    }
    return switch (id) {
      case BEGIN -> "<s>";
      case END -> "</s>";
      default -> Character.toString(id);
    };
  }

  @Override
  public boolean special(int id) {
    return id == BEGIN || id == END;
  }

  @Override
  public Set<Integer> endOfSequence() {
    return Set.of(END);
  }

  @Override
  public OptionalInt beginningOfSequence() {
    return OptionalInt.of(BEGIN);
  }

  @Override
  public TokenDecoder decoder() {
    return new TokenDecoder() {
      @Override
      public String next(int id) {
        return special(id) ? "" : text(id);
      }

      @Override
      public String finish() {
        return "";
      }
    };
  }
}
