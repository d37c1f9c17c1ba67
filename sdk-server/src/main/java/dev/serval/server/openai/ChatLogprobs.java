package dev.serval.server.openai;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonInclude.Include;
import dev.serval.api.TokenLogprob;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The log-probabilities of a chat choice: one entry for each token. */
record ChatLogprobs(
    List<Token> content, @JsonInclude(Include.ALWAYS) @Nullable List<Token> refusal) {
  private static final char BROKEN = '\uFFFD';

  static ChatLogprobs of(List<TokenLogprob> tokens) {
    return new ChatLogprobs(tokens.stream().map(Token::of).toList(), null);
  }

  /** A token; its bytes are null where the token alone is no whole character. */
  @JsonInclude(Include.ALWAYS)
  record Token(
      String token, double logprob, @Nullable List<Integer> bytes, List<Alternative> topLogprobs) {
    static Token of(TokenLogprob token) {
      return new Token(
          token.text(),
          Logprob.finite(token.logprob()),
          utf8(token.text()),
          token.alternatives().stream().map(Alternative::of).toList());
    }
  }

  /** A token that could have stood there. */
  @JsonInclude(Include.ALWAYS)
  record Alternative(String token, double logprob, @Nullable List<Integer> bytes) {
    static Alternative of(TokenLogprob.Alternative token) {
      return new Alternative(token.text(), Logprob.finite(token.logprob()), utf8(token.text()));
    }
  }

  private static @Nullable List<Integer> utf8(String text) {
    if (text.indexOf(BROKEN) >= 0) {
      return null;
    }
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return IntStream.range(0, bytes.length).mapToObj(i -> bytes[i] & 0xff).toList();
  }
}
