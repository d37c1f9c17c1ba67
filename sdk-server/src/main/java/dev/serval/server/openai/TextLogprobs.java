package dev.serval.server.openai;

import dev.serval.api.TokenLogprob;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The log-probabilities of a text choice, in parallel lists.
 *
 * @param tokens each token's text
 * @param tokenLogprobs each token's own
 * @param topLogprobs the likeliest at each place, and the token itself if it is none of them
 * @param textOffset where each token begins in the choice's text
 */
record TextLogprobs(
    List<String> tokens,
    List<Double> tokenLogprobs,
    List<Map<String, Double>> topLogprobs,
    List<Integer> textOffset) {
  /**
   * The lists for some tokens of a choice.
   *
   * @param tokens the tokens
   * @param offset where the first of them begins in the choice's text
   */
  static TextLogprobs of(List<TokenLogprob> tokens, int offset) {
    List<Integer> offsets = new ArrayList<>(tokens.size());
    int at = offset;
    for (TokenLogprob token : tokens) {
      offsets.add(at);
      at += token.text().length();
    }
    return new TextLogprobs(
        tokens.stream().map(TokenLogprob::text).toList(),
        tokens.stream().map(token -> Logprob.finite(token.logprob())).toList(),
        tokens.stream().map(TextLogprobs::top).toList(),
        offsets);
  }

  /** Where the token after some tokens begins. */
  static int end(List<TokenLogprob> tokens, int offset) {
    return offset + tokens.stream().mapToInt(token -> token.text().length()).sum();
  }

  private static Map<String, Double> top(TokenLogprob token) {
    Map<String, Double> top = new LinkedHashMap<>();
    token.alternatives().forEach(a -> top.putIfAbsent(a.text(), Logprob.finite(a.logprob())));
    top.putIfAbsent(token.text(), Logprob.finite(token.logprob()));
    return top;
  }
}
