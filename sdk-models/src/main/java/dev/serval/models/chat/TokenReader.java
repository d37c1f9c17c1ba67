package dev.serval.models.chat;

import java.util.List;

/** Goes through the tokens of an expression. */
final class TokenReader {
  private final List<Token> tokens;
  private int at;

  TokenReader(String source) {
    tokens = Tokens.of(source);
  }

  Token current() {
    return tokens.get(at);
  }

  Token following() {
    return tokens.get(Math.min(at + 1, tokens.size() - 1));
  }

  Token advance() {
    return ended() ? current() : tokens.get(at++);
  }

  boolean ended() {
    return current().kind() == Token.Kind.END;
  }

  /** Takes an operator, if it is this one. */
  boolean skip(String operator) {
    boolean there = current().is(operator);
    at += there ? 1 : 0;
    return there;
  }

  /** Takes a name, if it is this one. */
  boolean skipName(String name) {
    boolean there = current().named(name);
    at += there ? 1 : 0;
    return there;
  }

  void expect(String operator) {
    if (!skip(operator)) {
      throw unexpected("'" + operator + "'");
    }
  }

  String name() {
    if (current().kind() != Token.Kind.NAME) {
      throw unexpected("a name");
    }
    return advance().text();
  }

  void end() {
    if (!ended()) {
      throw unexpected("the end");
    }
  }

  TemplateFailure unexpected(String wanted) {
    return TemplateFailure.of("expected %s, found '%s'".formatted(wanted, current().text()));
  }
}
