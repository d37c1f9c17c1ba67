package dev.serval.models.chat;

/** A function or macro of a template. */
@FunctionalInterface
interface Callable {
  Object call(Arguments arguments, Scope scope);
}
