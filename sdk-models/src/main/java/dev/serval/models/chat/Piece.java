package dev.serval.models.chat;

/**
 * A part of a template's source.
 *
 * @param kind what it is
 * @param name a statement's name, otherwise empty
 * @param content text as it is printed, an expression, or what follows a statement's name
 * @param line where it begins, from 1
 */
record Piece(Kind kind, String name, String content, int line) {
  /** Kinds of pieces. */
  enum Kind {
    TEXT,
    OUTPUT,
    STATEMENT
  }
}
