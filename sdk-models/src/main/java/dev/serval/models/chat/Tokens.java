package dev.serval.models.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Cuts an expression into tokens, as Jinja's lexer does. */
final class Tokens {
  private static final Pattern FLOAT =
      Pattern.compile("\\d+(_\\d+)*((\\.\\d+(_\\d+)*)?[eE][+-]?\\d+(_\\d+)*|\\.\\d+(_\\d+)*)");
  private static final Pattern INTEGER =
      Pattern.compile("0[bB](_?[01])+|0[oO](_?[0-7])+|0[xX](_?[\\da-fA-F])+|[1-9](_?\\d)*|0(_?0)*");
  private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{N}\\p{M}_]*");
  private static final Pattern OPERATOR =
      Pattern.compile("//|\\*\\*|==|!=|>=|<=|[-+/*%~\\[\\](){}><=.:|,]");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;

  private Tokens(String source) {
    this.source = source;
  }

  static List<Token> of(String source) {
    Tokens cut = new Tokens(source);
    while (cut.at < source.length()) {
      cut.next();
    }
    cut.tokens.add(new Token(Token.Kind.END, "the end"));
    return cut.tokens;
  }

  /** Where a string that begins here ends: after its closing quote. */
  static int stringEnd(String source, int from) {
    char quote = source.charAt(from);
    for (int i = from + 1; i < source.length(); i++) {
      if (source.charAt(i) == '\\') {
        i++;
      } else if (source.charAt(i) == quote) {
        return i + 1;
      }
    }
    throw TemplateFailure.of("a string has no end: " + excerpt(source.substring(from)));
  }

  static String excerpt(String text) {
    return text.length() > 40 ? text.substring(0, 40) + "…" : text;
  }

  private void next() {
    char c = source.charAt(at);
    if (Texts.space(c)) {
      at++;
    } else if (c == '\'' || c == '"') {
      int end = stringEnd(source, at);
      add(Token.Kind.STRING, Escapes.decode(source.substring(at + 1, end - 1)));
      at = end;
    } else if (afterPoint() || !take(Token.Kind.FLOAT, FLOAT)) {
      boolean taken =
          take(Token.Kind.INTEGER, INTEGER)
              || take(Token.Kind.NAME, NAME)
              || take(Token.Kind.OPERATOR, OPERATOR);
      if (!taken) {
        throw TemplateFailure.of("unexpected character '%s'".formatted(c));
      }
    }
  }

  private boolean afterPoint() {
    return at > 0 && source.charAt(at - 1) == '.';
  }

  private boolean take(Token.Kind kind, Pattern pattern) {
    Matcher matcher = pattern.matcher(source).region(at, source.length());
    if (!matcher.lookingAt()) {
      return false;
    }
    add(kind, matcher.group());
    at = matcher.end();
    return true;
  }

  private void add(Token.Kind kind, String text) {
    tokens.add(new Token(kind, text));
  }
}
