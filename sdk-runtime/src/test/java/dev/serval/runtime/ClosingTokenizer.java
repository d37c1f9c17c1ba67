package dev.serval.runtime;

import dev.serval.api.model.TokenDecoder;
import dev.serval.api.model.Tokenizer;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/** A tokenizer that only tells that it was closed. */
record ClosingTokenizer(List<String> closed, boolean failing) implements Tokenizer {
  @Override
  public int vocabulary() {
    return 1;
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    return new int[1];
  }

  @Override
  public String decode(List<Integer> ids, boolean skipSpecialTokens) {
    return "";
  }

  @Override
  public String text(int id) {
    return "";
  }

  @Override
  public boolean special(int id) {
    return true;
  }

  @Override
  public Set<Integer> endOfSequence() {
    return Set.of();
  }

  @Override
  public OptionalInt beginningOfSequence() {
    return OptionalInt.empty();
  }

  @Override
  public TokenDecoder decoder() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {
    closed.add("codec");
    if (failing) {
      throw new IllegalStateException("stuck");
    }
  }
}
