package dev.serval.models.chat;

import java.util.List;

/**
 * A token of an expression.
 *
 * @param kind what it is
 * @param text a name, an operator, the digits of a number, or what a string says
 */
record Token(Kind kind, String text) {
  /** Kinds of tokens. */
  enum Kind {
    NAME,
    STRING,
    INTEGER,
    FLOAT,
    OPERATOR,
    END
  }

  boolean is(String operator) {
    return kind == Kind.OPERATOR && text.equals(operator);
  }

  boolean isAny(String... operators) {
    return kind == Kind.OPERATOR && List.of(operators).contains(text);
  }

  boolean named(String name) {
    return kind == Kind.NAME && text.equals(name);
  }
}
