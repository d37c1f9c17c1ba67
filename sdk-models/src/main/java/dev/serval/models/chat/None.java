package dev.serval.models.chat;

/** Python's {@code None}. */
enum None {
  NONE
}
